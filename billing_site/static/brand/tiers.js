// Adds and removes rows of the tier editor, and says where each tier begins.
document.addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll("table.tiers").forEach((table) => {
    const body = table.tBodies[0];
    const add = table.parentElement.querySelector(".tier-add");
    const blank = body.rows[body.rows.length - 1].cloneNode(true);
    const inputs = (row) => [...row.querySelectorAll("input")];
    const append = () => {
      const row = body.appendChild(blank.cloneNode(true));
      inputs(row).forEach((input) => { input.disabled = false; input.value = ""; });
      return row;
    };
    const isEmpty = (row) => inputs(row).every((input) => !input.value.trim());

    const tell = () => {
      let from = 1;
      [...body.rows].forEach((row) => {
        row.querySelector(".tier-from").textContent = Number.isFinite(from) ? from.toLocaleString("en") : "–";
        row.querySelector(".tier-drop").hidden = body.rows.length === 1;
        const end = row.querySelector("input").value.replaceAll(",", "").trim();
        from = /^[0-9]+$/.test(end) ? Number(end) + 1 : NaN;
      });
    };

    [...body.rows].slice(1).reverse().forEach((row) => isEmpty(row) && row.remove());
    if (body.rows.length === 1 && isEmpty(body.rows[0])) append();
    add.hidden = false;
    add.addEventListener("click", () => {
      const row = append();
      tell();
      inputs(row)[0].focus();
    });
    body.addEventListener("click", ({ target }) => {
      if (!target.classList.contains("tier-drop")) return;
      target.closest("tr").remove();
      tell();
    });
    body.addEventListener("input", tell);
    tell();
  });
});
