// Follows a run while it is issued, printed and sent. The server draws the page; what is open stays open.
document.addEventListener("DOMContentLoaded", () => {
  const box = document.getElementById("run-live");
  if (!box) return;
  const PAUSE = 1500;
  const isLive = () => box.querySelector("[data-live='yes']") !== null;

  const show = (html) => {
    const open = [...box.querySelectorAll("details[open]")].map((one) => one.id);
    const was = isLive();
    box.innerHTML = html;
    open.forEach((id) => document.getElementById(id)?.setAttribute("open", ""));
    if (was && !isLive()) window.location.reload(); // the buttons are other ones now
  };

  const look = async () => {
    if (!document.hidden && !box.contains(document.activeElement?.closest("input"))) {
      try {
        const response = await fetch(box.dataset.url + window.location.search, { headers: { "X-Requested-With": "fetch" } });
        if (response.redirected) return; // signed out
        if (response.ok) show(await response.text());
      } catch { /* the server is away for a moment: look again */ }
    }
    if (isLive()) setTimeout(look, PAUSE);
  };

  if (isLive()) setTimeout(look, PAUSE);
});
