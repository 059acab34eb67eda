// Draws every chart of the page in the colours of the moment, and again when light and dark change places.
(() => {
  "use strict";
  const charts = JSON.parse(document.getElementById("charts").textContent);
  const root = document.documentElement;
  const colour = (name) => getComputedStyle(root).getPropertyValue(name).trim();
  const isDark = () => root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  // told apart by people who see few colours, on light and on dark ground
  const range = ["#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#ee8866", "#999933", "#8899bb"];

  function config() {
    const [ink, soft, line] = [colour("--ink"), colour("--soft"), colour("--line")];
    const font = getComputedStyle(document.body).fontFamily;
    return {
      background: null,
      font,
      axis: { labelColor: soft, titleColor: ink, gridColor: line, domainColor: line, tickColor: line, titleFontWeight: "normal", labelLimit: 120 },
      legend: { labelColor: ink, titleColor: soft, titleFontWeight: "normal" },
      view: { stroke: null },
      range: { category: range },
    };
  }

  async function draw() {
    const options = { actions: false, renderer: "svg", config: config(), tooltip: { theme: isDark() ? "dark" : "light" } };
    const plots = [...document.querySelectorAll("[data-chart]")];
    await Promise.all(plots.map((plot) => vegaEmbed(plot, charts[plot.dataset.chart], options)));
    root.dataset.drawn = String(plots.length);
  }

  document.getElementById("theme").addEventListener("click", () => { root.dataset.theme = isDark() ? "light" : "dark"; draw(); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  draw();
})();
