"use strict";
(() => {
  const plan = JSON.parse(document.getElementById("plan").textContent);
  const main = document.getElementById("main");

  /* ---- making elements ---- */
  function fill(e, attributes, children) {
    for (const [k, v] of Object.entries(attributes || {})) {
      if (k === "on") for (const [name, f] of Object.entries(v)) e.addEventListener(name, f);
      else if (v !== null && v !== undefined && v !== false) e.setAttribute(k, v === true ? "" : v);
    }
    for (const c of children.flat(Infinity)) if (c !== null && c !== undefined && c !== false) e.append(c);
    return e;
  }
  const h = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
  const s = (tag, attributes, ...children) => fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
  const color = (i) => `var(--c${((i % 8) + 8) % 8})`;

  /* ---- numbers ---- */
  const whole = (x) => Math.round(x).toLocaleString("en-US");
  const short = (x, digits = 3) => (x === 0 ? "0" : Math.abs(x) >= 1000 && Math.abs(x) < 1e9 ? whole(x) : Math.abs(x) >= 1e-4 && Math.abs(x) < 1e9 ? String(Number(x.toPrecision(digits))) : x.toExponential(digits - 1));
  function seconds(x) {
    if (x === 0) return "0 s";
    if (x < 1e-3) return `${short(x * 1e6)} µs`;
    if (x < 1) return `${short(x * 1e3)} ms`;
    return `${short(x)} s`;
  }
  function bytes(x) {
    const units = ["B", "kB", "MB", "GB", "TB"];
    let i = 0;
    while (x >= 999.5 && i < 4) (x /= 1000), i++;
    return `${i ? short(x) : whole(x)} ${units[i]}`;
  }
  const times = (n, what) => `${whole(n)} ${what}${n === 1 ? "" : "s"}`;
  const percent = (x) => `${x < 1 && x >= 0.995 ? (x < 0.9999 ? Math.floor(1e4 * x) / 100 : "over 99.99") : x > 0.0995 || x === 0 ? Math.round(100 * x) : short(100 * x, 2)} %`; // 100 % is all
  const clip = (text, n) => (text.length > n ? `${text.slice(0, n - 1)}…` : text);
  const meter = (share, c) => h("div", { class: "meter" }, h("i", { style: `width:${Math.max(0, Math.min(100, 100 * share))}%${c ? `;background:${c}` : ""}` }));

  const bar = (label, parts, value) => h("div", { class: "bar-row" }, h("span", { class: "label" }, label), h("span", { class: "track" }, parts.filter((p) => p[0] > 0).map(([share, c]) => h("i", { style: `width:${100 * share}%;background:${c}` }))), h("span", { class: "value" }, value));
  const room = () => Math.max(300, main.clientWidth - 40 - 2 * 20);

  /* ---- sections ---- */
  const sections = [];
  function section(id, short_title, title, ...content) {
    sections.push([id, short_title]);
    main.append(h("section", { id, "aria-labelledby": `${id}-title` }, h("h2", { id: `${id}-title` }, title), ...content));
  }

  /* ---- overview ---- */
  function overview() {
    const tiles = [];
    const tile = (name, value, note) => tiles.push(h("div", { class: "tile" }, h("dt", {}, name), h("dd", {}, value, note && h("small", {}, note))));
    for (const t of plan.targets) tile(t.name, `${whole(t.rows)} × ${whole(t.features)}`, t.detail || t.kind);
    const measures = Object.entries(plan.evaluate || {}).flatMap(([model, sets]) => Object.entries(sets).flatMap(([data, metrics]) => Object.entries(metrics).map(([name, value]) => ({ model, data, name, value: value === null ? "not a number" : short(value, 5) }))));
    const few = plan.trainings.length <= 2 && measures.length <= 6;
    for (const t of few ? plan.trainings : []) {
      tile(t.name, t.strategy, `${t.algorithm}, trained on the ${t.strategy === "factorized" ? "tables" : "joined table"}`);
      tile(`training ${t.name}`, seconds(t.run ? t.run.seconds : t.estimate.seconds), t.run ? `${t.run.iterations ? `${times(t.run.iterations, "iteration")}; ` : ""}predicted ${seconds(t.estimate.seconds)}` : "predicted");
    }
    for (const m of few ? measures : []) tile(`${m.name} of ${m.model}`, m.value, `on ${m.data}`);
    const models = !few && plan.trainings.length > 0 && h("div", { class: "card scroll" }, h("table", {}, h("thead", {}, h("tr", {}, h("th", {}, "model"), h("th", {}, "algorithm"), h("th", {}, "trained"), h("th", { class: "n" }, "predicted"), h("th", { class: "n" }, "measured"), h("th", {}, "measures"))),
      h("tbody", {}, plan.trainings.map((t, k) => h("tr", {}, h("td", {}, h("a", { href: `#training-${k}` }, t.name)), h("td", {}, t.algorithm), h("td", {}, t.strategy), h("td", { class: "n" }, seconds(t.estimate.seconds)), h("td", { class: "n" }, t.run ? seconds(t.run.seconds) : "–"),
        h("td", {}, measures.filter((m) => m.model === t.name).map((m) => h("div", {}, `${m.name} ${m.value} on ${m.data}`))))))));
    const q = plan.seconds, parts = [["reading", q.read], ["matching", q.match], ["joining", q.join], ["compiling", q.compile], ["training", q.train]].filter((p) => p[1] > 0);
    const all = parts.reduce((a, p) => a + p[1], 0);
    section("overview", "Overview", "Overview", h("dl", { class: "tiles" }, tiles), models,
      all > 0 && h("div", { class: "card" }, h("div", { class: "bars" }, bar("Time", parts.map((p, i) => [p[1] / all, color(i)]), seconds(all))),
        h("ul", { class: "legend" }, parts.map((p, i) => h("li", {}, h("span", { class: "dot", style: `background:${color(i)}` }), `${p[0]} ${seconds(p[1])}`)))));
  }

  const kinds = { single: "One table", inner: "An inner join", left: "A left join", "full outer": "A full outer join", union: "A union", mixed: "A mixture" };
  /* ---- sources ---- */
  function sourceCard(t, r, i) {
    const unused = r.rows - r.used;
    return h("div", { class: "card" },
      h("h4", {}, h("span", { class: "dot", style: `background:${color(i)}` }), r.name),
      h("p", { class: "from mono" }, r.source === r.name ? r.from : `${r.source}: ${r.from}`),
      h("div", { class: "pair" }, h("span", {}, "rows"), h("span", {}, whole(r.rows))),
      h("div", { class: "pair" }, h("span", {}, "of them used"), h("span", {}, r.rows ? `${whole(r.used)}, ${percent(r.used / r.rows)}` : "0")), meter(r.rows ? r.used / r.rows : 0, color(i)),
      h("div", { class: "pair" }, h("span", {}, `in rows of ${t.name}`), h("span", {}, t.rows ? `${whole(r.target_rows)}, ${percent(r.target_rows / t.rows)}` : "0")), meter(t.rows ? r.target_rows / t.rows : 0, color(i)),
      r.used > 0 && r.target_rows > r.used && h("div", { class: "pair" }, h("span", {}, "each serves"), h("span", {}, `${short(r.target_rows / r.used)} rows`)),
      r.null_keys > 0 && h("div", { class: "pair" }, h("span", {}, "unused, with a null key"), h("span", {}, whole(r.null_keys))),
      unused > r.null_keys && h("div", { class: "pair" }, h("span", {}, "unused otherwise"), h("span", {}, whole(unused - r.null_keys))),
      h("details", {}, h("summary", {}, `${times(r.columns.length, "column")}, ${r.columns.filter((c) => c.read).length} read`),
        h("ul", { class: "chips" }, r.columns.map((c) => h("li", { class: c.read ? "" : "off" }, `${c.name} ${c.type}`)))));
  }

  /* ---- the mapping ---- */
  function mappingDrawing(t) {
    const narrow = room() < 640, row = 22, head = 30, gap = 18, left = narrow ? 40 : 74, width = narrow ? 150 : 230;
    const target_width = narrow ? 150 : 250, right = narrow ? left + width + 74 : Math.max(600, room() - target_width - 12);
    const y0 = 8;
    let y = y0;
    const at = {};
    const used = (r, i) => r.columns.filter((c) => c.read || t.joins.some((q) => (q.a[0] === i && q.a[1] === c.name) || (q.b[0] === i && q.b[1] === c.name)));
    const boxes = t.sources.map((r, i) => {
      const columns = used(r, i).slice(0, 40), top = y;
      columns.forEach((c, k) => (at[`${i}.${c.name}`] = top + head + k * row + row / 2));
      y += head + columns.length * row + 6 + gap;
      return { r, i, columns, top, height: head + columns.length * row + 6 };
    });
    const columns = t.columns.slice(0, 80), tall = head + columns.length * row + 6;
    const height = Math.max(y - gap, tall + y0) + 8;
    const top = Math.max(y0, (height - tall) / 2);
    const target_y = (k) => top + head + k * row + row / 2;
    const width_all = right + target_width + 12;
    const drawing = s("svg", { viewBox: `0 0 ${width_all} ${height}`, style: `width:100%;max-width:${width_all}px;height:auto`, role: "img", "aria-label": `How the columns of ${t.name} are made of the sources` });
    const pick = (name) => {
      drawing.classList.toggle("pick", name !== null);
      for (const e of drawing.querySelectorAll("[data-of]")) e.classList.toggle("on", name !== null && e.dataset.of.split(" ").includes(name));
    };
    const live = (name) => ({ mouseenter: () => pick(name), mouseleave: () => pick(null), focus: () => pick(name), blur: () => pick(null) });
    /* joins, on the left */
    const seen = {};
    t.joins.forEach((q, k) => {
      const a = at[q.a.join(".")], b = at[q.b.join(".")];
      if (a === undefined || b === undefined) return;
      const depth = (16 + ((k * 9) % 50)) * (narrow ? 0.55 : 1), x = left;
      drawing.append(s("path", { class: "join", "data-of": `s${q.a.join(".")} s${q.b.join(".")}`, d: `M${x} ${a} C${x - depth * 1.3} ${a} ${x - depth * 1.3} ${b} ${x} ${b}` }, s("title", {}, `${t.sources[q.a[0]].name}.${q.a[1]} = ${t.sources[q.b[0]].name}.${q.b[1]}`)));
      for (const end of [a, b]) if (!seen[end]) drawing.append((seen[end] = s("circle", { cx: x, cy: end, r: 3, fill: "var(--soft)" })));
    });
    /* what columns are made of */
    columns.forEach((c, k) => c.origins.forEach((o) => o.reads.forEach(([role, name]) => {
      const from = at[`${role}.${name}`], to = target_y(k);
      if (from === undefined) return;
      const x1 = left + width, x2 = right;
      drawing.append(s("path", { class: "link", "data-of": `t${k} s${role}.${name}`, stroke: color(role), "stroke-dasharray": o.computed ? "5 4" : null, d: `M${x1} ${from} C${x1 + (x2 - x1) * 0.45} ${from} ${x2 - (x2 - x1) * 0.45} ${to} ${x2} ${to}` }));
    })));
    for (const b of boxes) {
      drawing.append(s("rect", { class: "box", x: left, y: b.top, width, height: b.height, rx: 9 }), s("rect", { x: left, y: b.top, width: 5, height: b.height, rx: 2.5, fill: color(b.i) }),
        s("text", { x: left + 16, y: b.top + 20, "font-size": 14, "font-weight": 600 }, clip(b.r.name, narrow ? 12 : 20)), s("text", { x: left + width - 10, y: b.top + 20, "font-size": 11.5, "text-anchor": "end", class: "soft" }, whole(b.r.rows)));
      b.columns.forEach((c, k) => {
        const yy = b.top + head + k * row;
        drawing.append(s("g", { tabindex: 0, role: "img", "aria-label": `${b.r.name}.${c.name}, ${c.type}`, on: live(`s${b.i}.${c.name}`) }, s("rect", { class: "row", x: left + 8, y: yy, width: width - 14, height: row, rx: 4 }),
          s("text", { x: left + 16, y: yy + 15, "font-size": 12.5 }, clip(c.name, narrow ? 13 : 22)), s("text", { x: left + width - 10, y: yy + 15, "font-size": 11.5, "text-anchor": "end", class: "soft" }, c.type)));
      });
    }
    drawing.append(s("rect", { class: "box", x: right, y: top, width: target_width, height: tall, rx: 9 }), s("text", { x: right + 14, y: top + 20, "font-size": 14, "font-weight": 600 }, t.name),
      s("text", { x: right + target_width - 10, y: top + 20, "font-size": 11.5, "text-anchor": "end", class: "soft" }, narrow ? whole(t.rows) : `${whole(t.rows)} rows, ${t.kind}`));
    columns.forEach((c, k) => {
      const yy = top + head + k * row, what = c.role === "feature" ? (c.encoding === "num" ? "" : `${c.encoding} ${c.features}`) : c.role;
      drawing.append(s("g", { tabindex: 0, role: "img", "aria-label": `${t.name}.${c.name}, ${c.role} ${c.encoding}`, on: live(`t${k}`) }, s("rect", { class: "row", x: right + 6, y: yy, width: target_width - 12, height: row, rx: 4 }),
        s("text", { x: right + 14, y: yy + 15, "font-size": 12.5, "font-weight": c.role === "label" ? 650 : 400 }, clip(c.name, narrow ? 12 : 24)), s("text", { x: right + target_width - 10, y: yy + 15, "font-size": 11.5, "text-anchor": "end", class: "soft" }, clip(what, narrow ? 9 : 14))));
    });
    const left_out = [...t.sources.map((r, i) => [r.name, used(r, i).length - 40]), [t.name, t.columns.length - 80]].filter((q) => q[1] > 0);
    return h("div", { class: "card" }, drawing, left_out.length > 0 && h("p", { class: "from", style: "margin:.6rem 0 0" }, `Not drawn: ${left_out.map(([name, n]) => `${times(n, "more column")} of ${name}`).join(", ")}.`));
  }

  function tgdList(t) {
    return t.tgds.map((d) => {
      const all = d.bodies.reduce((a, b) => a + b.rows, 0), shown = d.bodies.length > 8 ? d.bodies.filter((b) => b.rows).sort((a, b) => b.rows - a.rows).slice(0, 24) : d.bodies;
      return h("div", { class: "card" },
        h("div", { class: "scroll" }, h("pre", { style: "margin:0" }, d.text.trim())),
        d.bodies.length > 1 && h("table", { style: "margin-top:.7rem" }, h("thead", {}, h("tr", {}, h("th", {}, "atoms found"), h("th", { class: "n" }, `rows of ${t.name}`), h("th", {}, h("span", { class: "badge" }, `line ${d.line}`)))),
          h("tbody", {}, shown.map((b) => h("tr", {}, h("td", {}, b.roles.map((r) => t.sources[r].name).join(" & ")), h("td", { class: "n" }, whole(b.rows)), h("td", { style: "width:30%" }, meter(all ? b.rows / all : 0)))))),
        shown.length < d.bodies.length && h("p", { class: "from", style: "margin:.5rem 0 0" }, `and ${whole(d.bodies.length - shown.length)} more sets of atoms, which give ${times(all - shown.reduce((a, b) => a + b.rows, 0), "row")}`),
        d.bodies.length === 1 && h("p", { class: "from", style: "margin:.5rem 0 0" }, `line ${d.line}: ${times(d.bodies[0].rows, "row")} of ${t.name}`));
    });
  }

  /* which source feeds which column */
  function columnMatrix(t) {
    const feeds = (r, c) => c.origins.some((o) => !o.computed && o.reads.some((x) => x[0] === r)) ? 2 : c.origins.some((o) => o.reads.some((x) => x[0] === r)) ? 1 : 0;
    const columns = t.columns.slice(0, 60);
    return h("figure", {}, h("figcaption", {}, h("b", {}, "Columns. "), `Filled: the source's column as it is; framed: computed from it.${t.columns.length > 60 ? ` The first 60 of ${t.columns.length}.` : ""}`),
      h("div", { class: "scroll" }, h("table", { class: "matrix" },
        h("thead", {}, h("tr", {}, h("th", {}), columns.map((c) => h("th", { class: "up", scope: "col" }, h("span", {}, c.name))))),
        h("tbody", {}, t.sources.map((r, i) => h("tr", {}, h("th", { scope: "row" }, r.name), columns.map((c) => {
          const f = feeds(i, c), what = f === 2 ? "as it is" : f ? "computed" : "no";
          return h("td", {}, h("span", { class: "cell", title: `${r.name}, ${c.name}: ${what}`, style: f === 2 ? `background:${color(i)}` : f ? `background:none;box-shadow:inset 0 0 0 2px ${color(i)}` : "" }));
        })))))));
  }

  /* which row of a source each row of the target reads */
  function indicatorFigure(t, r, i) {
    const v = r.indicator, small = t.rows === v.length && t.rows <= 24 && r.rows <= 24, size = 168, none = 16;
    const caption = [h("b", {}, r.name), ` ${r.target_rows === t.rows ? "in every row" : r.target_rows ? `in ${percent(r.target_rows / t.rows)} of rows` : "in no row"}`];
    if (small) {
      const c = 13, w = t.rows * c, hh = r.rows * c;
      return h("figure", {}, h("figcaption", {}, caption), s("svg", { viewBox: `-1 -1 ${w + 2} ${hh + 2}`, width: w + 2, height: hh + 2, role: "img", "aria-label": `Indicator of ${r.name}: ${t.rows} rows of ${t.name}, ${r.rows} rows of the source` },
        v.map((x, k) => [...Array(r.rows).keys()].map((j) => s("rect", { x: k * c, y: j * c, width: c - 2, height: c - 2, rx: 2, fill: x === j ? color(i) : "var(--fill)" })))));
    }
    const y = (x) => (x < 0 ? size + none - 5 : ((x + 0.5) / Math.max(1, r.rows)) * (size - 6) + 3);
    return h("figure", {}, h("figcaption", {}, caption), s("svg", { viewBox: `0 0 ${size + 40} ${size + none + 2}`, width: size + 40, height: size + none + 2, role: "img", "aria-label": `Indicator of ${r.name}, rows spread evenly` },
      s("rect", { class: "box", x: 1, y: 1, width: size, height: size, rx: 6 }), v.some((x) => x < 0) && s("text", { x: size + 6, y: size + none - 1, "font-size": 11, class: "soft" }, "none"),
      v.map((x, k) => s("circle", { cx: ((k + 0.5) / v.length) * (size - 6) + 4, cy: y(x), r: x < 0 ? 1.4 : 1.9, fill: x < 0 ? "var(--soft)" : color(i), opacity: 0.85 }))));
  }

  function blockTable(t) {
    const role = (b) => (b.role >= 0 ? b.role : 7);
    return h("div", { class: "card scroll" }, h("table", {}, h("thead", {}, h("tr", {}, h("th", {}, "block"), h("th", { class: "n" }, "rows"), h("th", { class: "n" }, "columns"), h("th", {}, "kept as"), h("th", { class: "n" }, "bytes"), h("th", {}, `a row of ${t.name} finds its row`))),
      h("tbody", {}, t.blocks.map((b) => h("tr", {}, h("td", {}, h("span", { class: "dot", style: `display:inline-block;background:${color(role(b))};margin-right:.45rem` }), h("code", {}, clip(b.label, 60))), h("td", { class: "n" }, whole(b.rows)), h("td", { class: "n" }, whole(b.columns)), h("td", {}, b.stored), h("td", { class: "n" }, bytes(b.bytes)),
        h("td", {}, b.indicator === "identity" ? "at its own place" : b.indicator === "range" ? "in one run of rows" : `by an index${b.total ? "" : ", where there is one"}`))))));
  }

  function target(t, k) {
    const id = `target-${k}`, saved = t.bytes_joined > 0 ? t.bytes_factorized / t.bytes_joined : 1;
    section(id, t.name, `${t.name}: ${whole(t.rows)} rows × ${whole(t.features)} features`,
      h("p", { class: "lead" }, `${kinds[t.kind] || t.kind}${t.detail && t.detail !== t.kind ? ` (${t.detail})` : ""}. ${t.dropped_missing ? `${times(t.dropped_missing, "row")} dropped for missing values. ` : ""}The tables hold its features in ${bytes(t.bytes_factorized)}; joined they would take ${bytes(t.bytes_joined)}${saved < 0.95 ? ` (${short(1 / saved, 2)} times as much)` : ""}.`),
      h("h3", {}, "Sources"), h("div", { class: "grid" }, t.sources.map((r, i) => sourceCard(t, r, i))),
      h("h3", {}, "Mapping"), h("p", { class: "lead" }, "Where each column comes from; dashed lines are computed. On the left, the columns that rows are joined by. Point at a column, or move to it with Tab, to see its lines alone."), mappingDrawing(t), tgdList(t),
      t.conflicts.some((c) => c.differing) && h("div", { class: "card" }, h("table", {}, h("thead", {}, h("tr", {}, h("th", {}, "sources that disagree"), h("th", {}, "column"), h("th", { class: "n" }, "rows compared"), h("th", { class: "n" }, "differing"))),
        h("tbody", {}, t.conflicts.filter((c) => c.differing).map((c) => h("tr", {}, h("td", {}, c.roles.map((r) => t.sources[r].name).join(", ")), h("td", {}, c.column), h("td", { class: "n" }, whole(c.compared)), h("td", { class: "n" }, whole(c.differing))))))),
      h("h3", {}, "Matrices"), h("p", { class: "lead" }, `The join is kept as matrices: which columns of ${t.name} a source fills, and which of its rows each row of ${t.name} reads (from left to right; the source's rows from top to bottom).`),
      h("div", { class: "card" }, columnMatrix(t)), h("div", { class: "card figures" }, t.sources.map((r, i) => indicatorFigure(t, r, i))),
      h("h3", {}, "Blocks"), h("p", { class: "lead" }, "What training reads: the features that belong to one table, once for each of its rows, and one row of zeros more for rows that have none there."), blockTable(t));
  }

  /* ---- a training: strategy ---- */
  function strategy(t) {
    const rows = t.candidates.length ? t.candidates.map((c) => [c.name, c.predicted, 0, c.chosen]) : [t.sorted_by && [`on the tables, rows sorted by ${t.sorted_by}`, t.estimate.seconds, 0, true], ["on the tables, rows as they are", t.estimates.factorized.seconds, 0, t.strategy === "factorized" && !t.sorted_by], ["on the joined table", t.estimates.materialized.seconds, t.estimates.joining, t.strategy !== "factorized"]].filter(Boolean);
    const most = Math.max(...rows.map((r) => r[1] + r[2]), t.run ? t.run.seconds : 0) || 1;
    return [h("h3", {}, "Strategy"), h("div", { class: "why" }, h("b", {}, t.strategy === "factorized" ? "Trains on the tables as they are. " : "Joins first, then trains. "), t.why),
      h("div", { class: "card" }, h("div", { class: "bars" }, rows.map((r) => bar([r[0], " ", r[3] && h("span", { class: "badge chosen" }, "chosen")], [[r[1] / most, r[3] ? "var(--accent)" : "var(--c7)"], [r[2] / most, "var(--c1)"]], `predicted ${seconds(r[1] + r[2])}`)),
        t.run && bar("measured", [[t.run.seconds / most, "var(--good)"]], `measured ${seconds(t.run.seconds)}`)),
        !t.candidates.length && h("p", { class: "from", style: "margin:.6rem 0 0" }, `${t.estimates.joining > 0 ? `Of the joined table's time ${seconds(t.estimates.joining)} is for joining. ` : ""}Predictions are rough: counted work over speeds that are assumed of the machine. They compare ways; small trainings and busy machines take longer.`))];
  }

  /* ---- a training: algebra before and after each pass ---- */
  function diff(a, b) {
    const n = a.length, m = b.length;
    const out = [];
    if (n * m > 6e6) {
      const have = new Set(b.map((l) => l[0])), had = new Set(a.map((l) => l[0]));
      for (const l of a) if (!have.has(l[0])) out.push(["-", l]);
      for (const l of b) out.push([had.has(l[0]) ? " " : "+", l]);
      return out;
    }
    const w = m + 1, best = new Uint16Array((n + 1) * w);
    for (let i = n - 1; i >= 0; i--) for (let j = m - 1; j >= 0; j--) best[i * w + j] = a[i][0] === b[j][0] ? best[(i + 1) * w + j + 1] + 1 : Math.max(best[(i + 1) * w + j], best[i * w + j + 1]);
    let i = 0, j = 0;
    while (i < n || j < m)
      if (i < n && j < m && a[i][0] === b[j][0]) out.push([" ", b[j++]]), i++;
      else if (i < n && (j === m || best[(i + 1) * w + j] >= best[i * w + j + 1])) out.push(["-", a[i++]]);
      else out.push(["+", b[j++]]);
    return out;
  }
  const algebraLine = (mark, [, depth, name, text, shape, line]) =>
    h("div", { class: `l ${mark === "+" ? "plus" : mark === "-" ? "minus" : ""}` }, h("span", { "aria-label": mark === "+" ? "added" : mark === "-" ? "removed" : null }, mark), h("span", { class: "id" }, clip(name, 12)), h("span", {}, "  ".repeat(depth) + text), h("span", { class: "shape" }, shape), h("span", { class: "at" }, line ? `line ${line}` : ""));

  function diffView(lines, whole_text) {
    const box = h("div", { class: "lines" });
    for (let i = 0; i < lines.length;) {
      let k = i;
      while (k < lines.length && lines[k][0] === " ") k++;
      const from = i === 0 ? i : i + 2, to = k === lines.length ? k : k - 2;
      if (!whole_text && to - from > 3) {
        for (let q = i; q < from; q++) box.append(algebraLine(...lines[q]));
        box.append(h("details", {}, h("summary", {}, `${to - from} lines as before`), lines.slice(from, to).map((l) => algebraLine(...l))));
        for (let q = to; q < k; q++) box.append(algebraLine(...lines[q]));
      } else for (let q = i; q < k; q++) box.append(algebraLine(...lines[q]));
      for (i = k; i < lines.length && lines[i][0] !== " "; i++) box.append(algebraLine(...lines[i]));
    }
    return box;
  }

  function algebra(t, id) {
    const panel = h("div", { class: "diff", role: "tabpanel", id: `${id}-algebra`, tabindex: 0 }), says = h("p", { class: "lead", style: "margin:.6rem 0 0" });
    const stages = t.stages.map((stage, i) => {
      const lines = i ? diff(t.stages[i - 1].lines, stage.lines) : stage.lines.map((l) => [" ", l]);
      return { stage, lines, plus: lines.filter((l) => l[0] === "+").length, minus: lines.filter((l) => l[0] === "-").length };
    });
    const buttons = stages.map((q, i) => h("button", { type: "button", role: "tab", "aria-controls": `${id}-algebra`, on: { click: () => show(i), keydown: (e) => {
      const to = { ArrowRight: i + 1, ArrowLeft: i - 1, Home: 0, End: stages.length - 1 }[e.key];
      if (to === undefined) return;
      e.preventDefault();
      show((to + stages.length) % stages.length);
      buttons[(to + stages.length) % stages.length].focus();
    } } }, q.stage.pass, i > 0 && (q.plus || q.minus ? [h("small", { class: "minus" }, `−${q.minus}`), h("small", { class: "plus" }, `+${q.plus}`)] : h("small", {}, "no change"))));
    function show(i) {
      buttons.forEach((b, k) => { b.setAttribute("aria-selected", k === i); b.tabIndex = k === i ? 0 : -1; });
      says.textContent = `${stages[i].stage.does}. ${i ? `${stages[i].stage.lines.length} lines, ${stages[i].minus} gone, ${stages[i].plus} new.` : `${stages[i].stage.lines.length} lines.`}`;
      panel.replaceChildren(diffView(stages[i].lines, i === 0));
    }
    show(stages.length > 1 ? stages.findIndex((q, i) => i > 0 && (q.plus || q.minus)) : 0);
    return [h("h3", {}, "Algebra, pass by pass"), h("div", { class: "tabs", role: "tablist", "aria-label": "Passes of the compiler" }, buttons), says, panel,
      t.notes.length > 0 && h("ul", {}, t.notes.map((n) => h("li", {}, n)))];
  }

  /* ---- a training: passes over rows ---- */
  function passes(t) {
    const measured = t.run && t.run.passes;
    const value = (p, i) => (measured ? measured[i].seconds : p.seconds * p.calls);
    const most = Math.max(...t.passes.map(value), 1e-12);
    const order = t.passes.map((p, i) => [p, i]);
    if (!t.passes.length) return [h("h3", {}, "Passes over rows"), h("p", { class: "lead" }, "None: everything is small.")];
    return [h("h3", {}, "Passes over rows"), h("p", { class: "lead" }, `Each pass reads the rows of one table once. Bytes are for one call, times for all calls.${t.run && !measured ? ` Compiled code makes these passes; the backend of this run (${t.run.backend}) was not measured by them.` : ""} Open a pass to see what it computes.`),
      h("div", { class: "card passes" },
        h("div", { class: "cols head" }, h("span", {}, "pass"), h("span", {}, "over"), h("span", { class: "n" }, "calls"), h("span", { class: "n" }, "reads"), h("span", { class: "n" }, "writes"), h("span", { class: "n" }, "predicted"), h("span", { class: "n" }, measured ? "measured" : ""), h("span", {})),
        order.map(([p, i]) => h("details", {}, h("summary", {}, h("div", { class: "cols" }, h("span", { class: "k" }, String(p.id)), h("span", {}, `${whole(p.rows)} rows of ${p.over}${p.by ? `, by ${p.by}` : ""}`),
          h("span", { class: "n wide" }, whole(measured ? measured[i].calls : p.calls)), h("span", { class: "n wide" }, bytes(p.reads)), h("span", { class: "n wide" }, bytes(p.writes)), h("span", { class: `n${measured ? " wide" : ""}` }, seconds(p.seconds * p.calls)),
          h("span", { class: `n${measured ? "" : " wide"}` }, measured ? seconds(measured[i].seconds) : ""), h("span", { class: "bar" }, meter(value(p, i) / most, measured ? "var(--good)" : "var(--accent)")))),
          h("pre", {}, `${whole(measured ? measured[i].calls : p.calls)} × reads ${bytes(p.reads)}, writes ${bytes(p.writes)}, predicted ${seconds(p.seconds * p.calls)}${measured ? `, measured ${seconds(measured[i].seconds)}` : ""}\n\n` + p.lines.map((l) => `${l.text}${l.line ? `   # line ${l.line}` : ""}${l.kept ? ", kept" : ""}`).join("\n")))))];
  }

  /* ---- a training: profile and convergence ---- */
  function profile(t) {
    if (!t.run || !t.run.lines) return [];
    const own = t.run.lines.filter((l) => l.file === t.source.file), by = new Map(own.map((l) => [l.line, l.seconds]));
    const most = Math.max(...own.map((l) => l.seconds), 1e-12), all = t.run.seconds;
    const rest = Math.max(0, all - (t.run.in_passes || 0) - t.run.in_kernels), parts = [t.run.passes && ["passes over rows", t.run.in_passes, "var(--c2)"], [t.run.passes ? "whole-matrix operators" : "operators, one by one", t.run.in_kernels, "var(--c3)"], ["small values and the rest", rest, "var(--c7)"]].filter(Boolean);
    return [h("h3", {}, "Where the time went"), h("div", { class: "card" }, h("div", { class: "bars" }, bar("Training", parts.map((p) => [p[1] / all, p[2]]), seconds(all))),
      h("ul", { class: "legend" }, parts.map((p) => h("li", {}, h("span", { class: "dot", style: `background:${p[2]}` }), `${p[0]} ${seconds(p[1])}`)))),
      h("p", { class: "lead" }, `By line of ${t.source.file}.${t.run.passes ? " A pass that several lines share is divided as its estimate is." : ""}`),
      h("div", { class: "listing", tabindex: 0, role: "group", "aria-label": "Time by line" }, h("div", { class: "lines" }, t.source.text.split("\n").map((text, k) => {
        const line = t.source.first + k, x = by.get(line);
        return h("div", { class: `l${x && x > 0.1 * most ? " hot" : ""}` }, h("span", { class: "no" }, String(line)), h("span", { class: "heat" }, x ? [h("i", { style: `width:${Math.max(2, (100 * x) / most)}%` }), h("b", {}, seconds(x))] : ""), h("span", {}, text));
      })))];
  }

  function convergence(t) {
    const curves = t.run && t.run.curves ? t.run.curves.filter((c) => c.points.length > 1) : [];
    if (!curves.length) return [];
    const w = room(), hh = w < 500 ? 240 : 300, l = 52, r = 14, top = 12, bottom = 34;
    const series = curves.map((c) => ({ c, points: c.points.map(([i, change, size]) => [i, size > 0 ? change / size : change]).filter((p) => p[1] > 0 && isFinite(p[1])) })).filter((q) => q.points.length > 1);
    if (!series.length) return [];
    const xs = series.flatMap((q) => q.points.map((p) => p[0])), ys = series.flatMap((q) => q.points.map((p) => p[1]));
    const x0 = Math.min(...xs), x1 = Math.max(...xs), y0 = Math.floor(Math.log10(Math.min(...ys))), y1 = Math.max(y0 + 1, Math.ceil(Math.log10(Math.max(...ys))));
    const X = (x) => l + ((x - x0) / Math.max(1, x1 - x0)) * (w - l - r), Y = (y) => top + ((y1 - Math.log10(y)) / (y1 - y0)) * (hh - top - bottom);
    const step = Math.max(1, Math.ceil((y1 - y0) / 6)), ticks = [];
    for (let k = y0; k <= y1; k += step) ticks.push(k);
    const rough = (x1 - x0) / (w < 500 ? 3 : 6), unit = 10 ** Math.floor(Math.log10(Math.max(1, rough))), every = Math.max(1, [1, 2, 5, 10].map((q) => q * unit).find((q) => q >= rough) || 1), across = [];
    for (let x = Math.ceil(x0 / every) * every; x <= x1; x += every) across.push(x);
    return [h("h3", {}, "Convergence"), h("p", { class: "lead" }, "How far each value moves in an iteration, relative to its size. A straight way down converges steadily; a level line does not."),
      h("div", { class: "card" }, h("div", { class: "scroll" }, s("svg", { viewBox: `0 0 ${w} ${hh}`, style: "width:100%;height:auto", role: "img", "aria-label": `Relative change by iteration, ${series.map((q) => q.c.name).join(", ")}` },
        ticks.map((k) => [s("line", { x1: l, x2: w - r, y1: Y(10 ** k), y2: Y(10 ** k), stroke: "var(--line)" }), s("text", { x: l - 8, y: Y(10 ** k) + 4, "font-size": 12, "text-anchor": "end", class: "soft" }, k === 0 ? "1" : `1e${k}`)]),
        across.map((x) => s("text", { x: X(x), y: hh - bottom + 18, "font-size": 12, "text-anchor": "middle", class: "soft" }, whole(x))), s("text", { x: w - r, y: hh - 2, "font-size": 12, "text-anchor": "end", class: "soft" }, "iteration"),
        series.map((q, i) => s("polyline", { points: q.points.map((p) => `${X(p[0]).toFixed(1)},${Y(p[1]).toFixed(1)}`).join(" "), fill: "none", stroke: color(i), "stroke-width": 2, "stroke-linejoin": "round" }, s("title", {}, q.c.name))))),
        h("ul", { class: "legend" }, series.map((q, i) => h("li", {}, h("span", { class: "dot", style: `background:${color(i)}` }), h("span", {}, h("code", {}, q.c.name), ` ${q.c.cells === 1 ? "" : `(${whole(q.c.cells)} cells) `}at the end ${q.points[q.points.length - 1][1].toExponential(1)}`)))))];
  }

  function training(t, k) {
    const id = `training-${k}`, settings = Object.entries(t.settings);
    section(id, t.name, h("span", {}, `${t.name} = ${t.algorithm} on ${t.on}`),
      h("p", { class: "lead" }, `${whole(t.rows)} rows; line ${t.line} of the script.${t.run ? ` ${t.run.iterations ? `${times(t.run.iterations, "iteration")} took` : "It took"} ${seconds(t.run.seconds)}, compiling ${seconds(t.run.compile)}.` : ""}`),
      settings.length > 0 && h("ul", { class: "chips" }, settings.map(([n, v]) => h("li", {}, `${n} = ${v}`))),
      strategy(t), profile(t), convergence(t), passes(t), algebra(t, id));
  }

  function script() {
    section("script", "Script", plan.script.name, h("div", { class: "listing plain", tabindex: 0, role: "group", "aria-label": "The script" }, h("div", { class: "lines" },
      plan.script.text.replace(/\n$/, "").split("\n").map((text, k) => h("div", { class: "l" }, h("span", { class: "no" }, String(k + 1)), h("span", {}, text))))));
  }

  /* ---- the page ---- */
  const root = document.documentElement, dark = window.matchMedia("(prefers-color-scheme: dark)");
  const button = h("button", { type: "button", class: "theme", on: { click: () => theme(root.dataset.theme === "dark" ? "light" : "dark") } });
  function theme(name) {
    root.dataset.theme = name;
    button.textContent = name === "dark" ? "Light" : "Dark";
    button.setAttribute("aria-label", `Switch to ${name === "dark" ? "light" : "dark"} colours`);
  }
  theme(dark.matches ? "dark" : "light");
  dark.addEventListener("change", () => theme(dark.matches ? "dark" : "light"));
  document.getElementById("top").append(h("div", {}, h("h1", {}, plan.script.name), h("p", {}, plan.ran ? "What was computed, why in this way, and what it took" : "What will be computed, and why in this way")), button);
  overview();
  plan.targets.forEach(target);
  plan.trainings.forEach(training);
  script();
  const links = sections.map(([id, title]) => h("a", { href: `#${id}` }, title));
  document.getElementById("contents").append(h("ul", {}, links.map((a) => h("li", {}, a))));
  document.getElementById("end").append(h("p", {}, h("kbd", {}, "1"), " … ", h("kbd", {}, String(Math.min(9, sections.length))), " go to the sections, ", h("kbd", {}, "d"), " changes between light and dark, ", h("kbd", {}, "←"), " ", h("kbd", {}, "→"), " move between passes."), h("p", {}, `amal ${plan.amal}, ${times(plan.threads, "thread")}. The data behind this page stand in it as JSON (element `, h("code", {}, "plan"), ")."));
  document.addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    const k = Number(e.key);
    if (k >= 1 && k <= Math.min(9, sections.length)) { location.hash = sections[k - 1][0]; links[k - 1].focus({ preventScroll: true }); }
    if (e.key === "d") button.click();
  });
  if ("IntersectionObserver" in window) {
    const seen = new Map();
    const watch = new IntersectionObserver((entries) => {
      for (const e of entries) seen.set(e.target.id, e.isIntersecting);
      const now = sections.findIndex(([id]) => seen.get(id));
      links.forEach((a, i) => (i === now ? a.setAttribute("aria-current", "true") : a.removeAttribute("aria-current")));
    }, { rootMargin: "-80px 0px -55% 0px" });
    for (const [id] of sections) watch.observe(document.getElementById(id));
  }
  root.dataset.ready = "yes";
})();
