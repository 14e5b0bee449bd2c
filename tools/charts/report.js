// The charts and the table of report.html. Specifications are fixed; names and numbers of a night are data values alone.
import { parse, View } from "vega";
import { expressionInterpreter } from "vega-interpreter";
import { compile } from "vega-lite";

const LONGEST_AXIS = 320;
const WIDE = 720;

// Nothing is ever loaded, and no link of a chart is followed.
const refuse = () => Promise.reject(new Error("a report loads nothing"));
const loader = { load: refuse, sanitize: refuse, http: refuse, file: refuse };

const CONFIG = {
  background: "transparent",
  aria: false,
  font: "system-ui, sans-serif",
  view: { stroke: "var(--line)" },
  axis: {
    labelColor: "var(--faint)", titleColor: "var(--faint)", gridColor: "var(--line)", domainColor: "var(--line)",
    tickColor: "var(--line)", gridOpacity: 0.5, titleFontWeight: "normal", labelOverlap: true,
  },
  axisY: { minExtent: 56, maxExtent: 56 },
  legend: { labelColor: "var(--ink)", titleColor: "var(--faint)", orient: "top", columns: 4, symbolSize: 80 },
  text: { color: "var(--faint)", fontSize: 11 },
};

const SAID = { field: "said", type: "nominal" };
const SIDES = { domain: ["before", "now"], range: ["var(--accepted)", "var(--now)"] };
const DASHES = [[1, 0], [6, 3], [2, 2], [10, 3, 2, 3], [12, 4], [1, 4]];
const DATES = { hours: "%H:%M", day: "%-d %b", date: "%-d %b", week: "%-d %b", month: "%-d %b", quarter: "%-d %b", year: "%Y" };
const NUMBERS = { format: "~s", tickCount: 5 };

const SHOWN = {
  forest(data, width) {
    const wide = width >= WIDE;
    const step = wide ? 20 : 34;
    const room = Math.min(LONGEST_AXIS, 20 + 6.5 * Math.max(...data.rows.map((row) => row.name.length)));
    const y = { field: "place", type: "ordinal", axis: null };
    const states = {
      domain: ["worse", "not sure", "better", "unchanged"],
      range: ["var(--now)", "var(--allowed)", "var(--better)", "var(--history)"],
    };
    const color = { field: "state", type: "nominal", scale: states, title: null };
    const x = (field) => ({
      field, type: "quantitative", scale: { type: "log", nice: false, padding: 8 },
      title: "how much worse (left of 0 %: better)",
      axis: { labelExpr: "datum.value >= 1 ? '+' + format(datum.value - 1, '.0%') : format(datum.value - 1, '.0%')", orient: "top", tickCount: 6 },
    });
    const label = wide
      ? { align: "right", x: -8, baseline: "middle", limit: room }
      : { align: "left", x: 0, dy: -12, baseline: "middle", limit: Math.max(120, width - 20) };
    return {
      data: { values: data.rows },
      height: Math.max(1, data.rows.length) * step,
      padding: wide ? { left: room + 12, right: 12, top: 4, bottom: 4 } : 4,
      autosize: { type: "fit-x", contains: "padding" },
      encoding: { y },
      layer: [
        { mark: { type: "rule", color: "var(--line)", strokeWidth: 2 }, data: { values: [{ even: 1 }] }, encoding: { x: x("even"), y: null } },
        { mark: { type: "rule", strokeWidth: 2 }, encoding: { x: x("low"), x2: { field: "high" }, color } },
        { mark: { type: "tick", thickness: 2, color: "var(--allowed)", height: 12 }, encoding: { x: x("limit"), tooltip: { field: "limit_said", type: "nominal" } } },
        {
          mark: { type: "point", filled: true, size: 70, opacity: 1, cursor: "pointer" },
          encoding: {
            x: x("worse"), color, tooltip: SAID,
            shape: { field: "state", type: "nominal", title: null,
              scale: { domain: states.domain, range: ["triangle-right", "diamond", "triangle-left", "circle"] } },
          },
        },
        { mark: { type: "text", cursor: "pointer", color: "var(--ink)", ...label }, encoding: { text: { field: "name" }, tooltip: SAID } },
      ],
    };
  },

  history(data) {
    const x = data.dated
      ? { field: "at", type: "temporal", scale: { type: "utc", padding: 12 }, title: "UTC", axis: { grid: false, labelFlush: true, format: DATES } }
      : { field: "place", type: "quantitative", title: "in the order of their measurement", scale: { padding: 12 }, axis: { grid: false, labels: false, ticks: false } };
    const kinds = ["night before", "accepted", "now"];
    return {
      height: 170,
      layer: [
        {
          data: { values: data.levels },
          encoding: { y: { field: "value", type: "quantitative" } },
          layer: [
            {
              mark: { type: "rule", strokeWidth: 1.5 },
              encoding: {
                color: { condition: [{ test: "datum.kind == 'allowed'", value: "var(--allowed)" }, { test: "datum.kind == 'target'", value: "var(--ink)" }], value: "var(--accepted)" },
                strokeDash: { condition: [{ test: "datum.kind == 'allowed'", value: [6, 4] }, { test: "datum.kind == 'target'", value: [2, 3] }], value: [1, 0] },
                tooltip: SAID,
              },
            },
            ...["accepted", "allowed", "target"].map((kind, place) => ({
              transform: [{ filter: { field: "kind", equal: kind } }],
              mark: { type: "text", align: place === 1 ? "right" : "center", baseline: place ? "bottom" : "top", dx: place === 1 ? -4 : 0, dy: place ? -2 : 4, x: place === 1 ? "width" : { expr: "width / 2" } },
              encoding: { text: { field: "said" } },
            })),
          ],
        },
        {
          data: { values: data.points },
          mark: { type: "point", filled: true, opacity: 0.9 },
          encoding: {
            x,
            y: { field: "value", type: "quantitative", scale: { zero: false, padding: 10 }, title: null, axis: NUMBERS },
            color: { field: "kind", type: "nominal", title: null, scale: { domain: kinds, range: ["var(--history)", "var(--accepted)", "var(--now)"] } },
            shape: { field: "kind", type: "nominal", title: null, scale: { domain: kinds, range: ["circle", "square", "diamond"] } },
            size: { field: "kind", type: "ordinal", title: null, scale: { domain: kinds, range: [30, 60, 90] } },
            tooltip: SAID,
          },
        },
      ],
    };
  },

  timeline(data) {
    const domain = [0, Number(data.end)];
    const x = { field: "t", type: "quantitative", scale: { domain, nice: false }, title: "seconds since the load began", axis: { grid: false } };
    const y = { field: "value", type: "quantitative", title: null, axis: data.log ? NUMBERS : { format: ",~r", tickCount: 3 }, scale: data.log ? { type: "log", nice: false, padding: 8 } : { zero: true } };
    const dashes = data.lines.length
      ? { field: "line", type: "nominal", title: null, scale: { domain: data.lines, range: DASHES }, legend: { symbolType: "stroke", symbolStrokeColor: "var(--ink)", symbolStrokeWidth: 2 } }
      : { value: [1, 0] };
    const color = { field: "side", type: "nominal", title: null, scale: SIDES };
    return {
      height: data.log ? 200 : 80,
      layer: [
        {
          data: { values: data.phases },
          encoding: { x: { ...x, field: "from" }, x2: { field: "to" } },
          layer: [
            { mark: { type: "rect", color: "var(--faint)" }, encoding: { opacity: { field: "shade", type: "quantitative", scale: null } } },
            { mark: { type: "text", align: "left", baseline: "bottom", dx: 3, dy: -3, y: "height" }, encoding: { text: { field: "name" }, x2: null } },
          ],
        },
        {
          data: { values: data.whole },
          mark: { type: "rule", strokeWidth: 1.5, opacity: 0.7 },
          encoding: { x: { ...x, field: "from" }, x2: { field: "to" }, y, color, strokeDash: dashes, tooltip: SAID },
        },
        {
          data: { values: data.points },
          mark: { type: "line", point: { size: 18 }, strokeWidth: 1.5 },
          encoding: { x, y, color, strokeDash: dashes, detail: { field: "run", type: "nominal" }, tooltip: SAID },
        },
      ],
    };
  },

  split(data) {
    const parts = ["database", "service", "in front", "generator"];
    const both = new Set(data.points.map((point) => point.side)).size > 1;
    return {
      data: { values: data.points },
      height: Math.max(1, new Set(data.points.map((point) => point.bar)).size) * 22,
      mark: { type: "bar", height: { band: both ? 0.8 : 0.6 } },
      encoding: {
        y: { field: "bar", type: "nominal", title: null, sort: null, axis: { domain: false, ticks: false, labelLimit: 180, minExtent: 150, maxExtent: 190 } },
        x: { field: "value", type: "quantitative", title: "ms", axis: NUMBERS },
        color: { field: "part", type: "nominal", title: null, scale: { domain: parts, range: ["var(--allowed)", "var(--accepted)", "var(--history)", "var(--faint)"] } },
        order: { field: "order", type: "quantitative" },
        tooltip: SAID,
      },
    };
  },

  quantiles(data) {
    return {
      height: 200,
      data: { values: data.points },
      mark: { type: "line", point: { size: 26 }, strokeWidth: 1.5 },
      encoding: {
        x: {
          field: "rank", type: "quantitative", title: "share of the answers that were faster", scale: { nice: false, padding: 6 },
          axis: { values: [0.30103, 1, 2, 3, 4], labelExpr: "datum.value < 0.5 ? 'p50' : datum.value == 1 ? 'p90' : datum.value == 2 ? 'p99' : datum.value == 3 ? 'p99.9' : 'p99.99'" },
        },
        y: { field: "value", type: "quantitative", scale: { type: "log", nice: false, padding: 10 }, title: null, axis: NUMBERS },
        color: { field: "side", type: "nominal", title: null, scale: SIDES },
        strokeDash: { field: "side", type: "nominal", title: null, scale: { domain: SIDES.domain, range: [[6, 3], [1, 0]] } },
        detail: { field: "run", type: "nominal" },
        tooltip: SAID,
      },
    };
  },
};

const charts = JSON.parse(document.getElementById("charts").textContent);
const drawn = new WeakSet();

function draw(place) {
  if (drawn.has(place)) return;
  drawn.add(place);
  const label = place.getAttribute("aria-label");
  const { kind, ...data } = charts[Number(place.dataset.chart)];
  for (const point of [...(data.points ?? []), ...(data.whole ?? [])]) {
    point.said ??= `${point.line} ${point.shown}${"t" in point ? ` at ${Math.round(point.t)} s` : ""}; ${point.run} UTC`;
  }
  const spec = SHOWN[kind](data, place.clientWidth);
  const { spec: compiled } = compile({ autosize: { type: "fit-x", contains: "padding" }, ...spec, width: "container" }, { config: CONFIG });
  const view = new View(parse(compiled, null, { ast: true }), {
    expr: expressionInterpreter, loader, renderer: "svg", container: place, hover: false,
  });
  if (kind === "forest") {
    view.addEventListener("click", (_, item) => {
      const row = document.getElementById(`row-${Number(item?.datum?.row)}`);
      if (row) showRow(row);
    });
  }
  // Vega makes it a document of graphics, without any: what a person hears is the sentence that the page gave it.
  place.setAttribute("role", "img");
  place.removeAttribute("aria-roledescription");
  place.setAttribute("aria-label", label);
  // At once, so that what is printed is there: nothing is loaded that would have to be waited for.
  view.run();
}

const places = [...document.querySelectorAll("[data-chart]")];
const seen = new IntersectionObserver(
  (entries) => {
    for (const { isIntersecting, target } of entries) {
      if (isIntersecting) {
        seen.unobserve(target);
        draw(target);
      }
    }
  },
  { rootMargin: "400px" },
);
for (const place of places) seen.observe(place);
const drawAll = () => places.forEach(draw);
addEventListener("beforeprint", drawAll);
matchMedia("print").addEventListener("change", ({ matches }) => matches && drawAll());
for (const details of document.querySelectorAll("details")) {
  details.addEventListener("toggle", () => dispatchEvent(new Event("resize")));
}

// The table of all figures: a click on a column's name sorts, the field filters.
const table = document.getElementById("figures");
const body = table?.tBodies[0];
const filter = document.getElementById("filter");
const count = document.getElementById("shown");

function show() {
  const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  let left = 0;
  for (const row of body.rows) {
    const text = row.textContent.toLowerCase();
    row.hidden = !words.every((word) => text.includes(word));
    left += row.hidden ? 0 : 1;
  }
  count.textContent = `${left} of ${body.rows.length}`;
}

function showRow(row) {
  if (row.hidden) {
    filter.value = "";
    show();
  }
  location.hash = row.id;
  row.scrollIntoView({ block: "center" });
}

function sortBy(column, head) {
  const down = head.getAttribute("aria-sort") === "ascending";
  for (const each of table.tHead.rows[0].cells) each.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", down ? "descending" : "ascending");
  const value = (row) => row.cells[column].dataset.sort ?? row.cells[column].textContent;
  const isNumber = head.dataset.numeric !== undefined;
  const order = (one, other) => {
    const [a, b] = [value(one), value(other)];
    if (a === "" || b === "") return a === b ? 0 : a === "" ? 1 : -1; // what is not known stays last
    const found = isNumber ? Number(a) - Number(b) : a.localeCompare(b, "en", { numeric: true });
    return down ? -found : found;
  };
  body.append(...[...body.rows].sort(order));
}

if (table) {
  for (const [column, head] of [...table.tHead.rows[0].cells].entries()) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    button.addEventListener("click", () => sortBy(column, head));
    head.replaceChildren(button);
  }
  filter.addEventListener("input", show);
  document.getElementById("copy").addEventListener("click", async ({ target }) => {
    const rows = [table.tHead.rows[0], ...[...body.rows].filter((row) => !row.hidden)];
    const text = rows.map((row) => [...row.cells].map((cell) => cell.textContent.trim()).join("\t")).join("\n");
    try {
      await navigator.clipboard.writeText(text);
      target.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(table);
      target.textContent = "Selected: copy it now";
    }
  });
  document.getElementById("tools").hidden = false;
  show();
}
for (const link of document.querySelectorAll('a[href^="#row-"]')) {
  link.addEventListener("click", (event) => {
    const row = document.getElementById(link.hash.slice(1));
    if (row) {
      event.preventDefault();
      showRow(row);
    }
  });
}
