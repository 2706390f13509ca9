// Shows which number the next document gets while a pattern is typed. The server writes it: there is one way to count.
document.addEventListener("DOMContentLoaded", () => {
  const shown = Object.fromEntries(
    [...document.querySelectorAll("[data-next]")].map((cell) => [cell.dataset.next, cell]),
  );
  const input = document.querySelector("[name=invoice_number_pattern]");
  const form = input && input.closest("form");
  if (!form) return;
  const path = window.location.pathname;
  const url = path.replace(/(add|[^/]+\/change)\/.*$/, "numbers/");
  const seller = (path.match(/([^/]+)\/change\//) || ["", ""])[1];
  let waiting = 0;
  let latest = 0;

  const ask = async () => {
    const asked = ++latest;
    const sent = new FormData();
    sent.append("seller", seller);
    ["csrfmiddlewaretoken", ...Object.keys(shown)].forEach((name) => sent.append(name, form.elements[name].value));
    const response = await fetch(url, { method: "POST", body: sent });
    if (!response.ok || asked !== latest) return;
    const numbers = await response.json();
    Object.entries(shown).forEach(([name, cell]) => { cell.textContent = numbers[name]; });
  };

  form.addEventListener("input", (event) => {
    if (!(event.target.name in shown)) return;
    clearTimeout(waiting);
    waiting = setTimeout(ask, 250);
  });
});
