// Shows only the fields of the chosen pricing model; what is hidden is not sent.
document.addEventListener("DOMContentLoaded", () => {
  const model = document.querySelector("select[name='pricing_model']");
  const mode = document.querySelector("select[name='tier_mode']");
  if (!model || !mode) return;
  const isPriced = () => model.value && model.value !== "flat";
  const rates = (...models) => models.includes(model.value);
  const shown = {
    monthly_fee_cents: () => rates("flat", "hybrid"),
    tier_mode: isPriced,
    price_per_deed: () => rates("per_deed", "hybrid") && !mode.value,
    price_per_1000_requests: () => rates("per_request") && !mode.value,
    tiers: () => isPriced() && Boolean(mode.value),
    included_deeds: () => rates("per_deed", "hybrid"),
    included_requests: () => rates("per_request"),
    rounding: () => rates("per_request"),
  };
  const boxOf = (name) => {
    const field = document.querySelector(`[name='${name}'], [data-name='${name}']`);
    return field && (field.closest(".field-line") || field.closest(".form-row"));
  };

  const show = () => {
    Object.entries(shown).forEach(([name, isShown]) => {
      const box = boxOf(name);
      if (!box) return;
      box.hidden = !isShown();
      box.querySelectorAll("input, select").forEach((input) => { input.disabled = box.hidden; });
    });
    document.querySelectorAll(".form-row").forEach((row) => {
      const lines = [...row.querySelectorAll(":scope .field-line")];
      const left = lines.filter((line) => !line.hidden).length;
      if (lines.length) row.hidden = left === 0;
      row.classList.toggle("field-alone", left === 1 && lines.length > 1);
    });
    const unit = rates("per_request") ? "1,000 requests" : "deed";
    const head = document.querySelector("table.tiers th:nth-child(3)");
    if (head) head.textContent = `Price per ${unit}`;
  };

  model.addEventListener("change", show);
  mode.addEventListener("change", show);
  show();
});
