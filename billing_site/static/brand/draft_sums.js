// Shows what a draft comes to while it is typed. The server does the sums: there is one way to round.
document.addEventListener("DOMContentLoaded", () => {
  const group = document.getElementById("lines-group");
  const form = group && group.closest("form");
  if (!form) return;
  const box = document.createElement("table");
  box.className = "paper-sums draft-sums";
  group.after(box);
  const add = window.location.pathname.includes("/invoices/invoice/add");
  const url = window.location.pathname.replace(add ? /add\/.*$/ : /[^/]+\/change\/.*$/, "sums/");
  let waiting = 0;
  let latest = 0;

  const refuse = (sentence) => {
    const row = document.createElement("tr");
    row.className = "draft-refusal";
    row.appendChild(document.createElement("td")).textContent = sentence;
    box.replaceChildren(row);
  };

  const show = (answer) => {
    if (answer.refusal) return refuse(answer.refusal);
    box.replaceChildren(...answer.sums.map(([label, amount], index) => {
      const row = document.createElement("tr");
      if (index === answer.sums.length - 1) row.className = "paper-strong";
      const head = row.appendChild(document.createElement("th"));
      const cell = row.appendChild(document.createElement("td"));
      head.textContent = label;
      cell.textContent = amount;
      return row;
    }));
    const said = new Map(answer.lines.map(([number, ...texts]) => [number, texts]));
    document.querySelectorAll("#lines-data .form-group:not(.empty-form)").forEach((line) => {
      const number = Number(line.querySelector("[name$='-description']").name.split("-")[1]);
      const [amount, folded] = said.get(number) || ["\u2013", ""];
      const cell = line.querySelector(".field-amount");
      const shown = cell.querySelector(".readonly, .money") || cell;
      shown.innerHTML = '<span class="money"></span>';
      shown.firstChild.textContent = amount;
      line.querySelector(".line-fold-says").textContent = folded;
    });
  };

  const ask = async () => {
    const asked = ++latest;
    const response = await fetch(url, { method: "POST", body: new FormData(form) });
    if (response.ok && asked === latest) show(await response.json());
  };

  const soon = () => {
    clearTimeout(waiting);
    waiting = setTimeout(ask, 250);
  };
  // The theme writes the rows below a deleted one anew from their HTML, so what was typed has to stand there.
  const keep = ({ target }) => {
    if (target.type === "textarea") target.textContent = target.value;
    else if (target.options) [...target.options].forEach((option) => option.toggleAttribute("selected", option.selected));
    else target.setAttribute("value", target.value);
  };
  group.addEventListener("input", keep);
  group.addEventListener("change", keep);
  form.addEventListener("input", soon);
  form.addEventListener("change", soon);
  document.addEventListener("formset:removed", soon);
  ask();
});
