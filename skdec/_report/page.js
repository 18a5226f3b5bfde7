"use strict";
(() => {
  // All text of the data is set as textContent, never as HTML.
  const content = JSON.parse(document.getElementById("content").textContent);
  const samples = content.samples;
  const darkScheme = matchMedia("(prefers-color-scheme: dark)");
  const byId = (id) => document.getElementById(id);

  const ARRAYS = { float32: Float32Array, float64: Float64Array, int32: Int32Array, uint8: Uint8Array };
  function decode(encoded) {
    if (!encoded) return null;
    const bytes = Uint8Array.from(atob(encoded.data), (character) => character.charCodeAt(0));
    return new ARRAYS[encoded.dtype](bytes.buffer);
  }
  const decodeColumn = (column) => column &&
    ({ ...column, numbers: decode(column.numbers), codes: decode(column.codes) });
  const positions = decode(samples.positions);
  const ids = decodeColumn(samples.ids);
  const x = decode(samples.x);
  const y = decode(samples.y);
  const confidence = decode(samples.confidence);
  const colorings = samples.colorings.map((one) => ({ ...one, codes: decode(one.codes) }));
  const columns = (samples.columns || []).map(decodeColumn);
  const getId = (row) => (ids ? getText(ids, row) : String(positions[row]));
  const rowOfId = new Map(Array.from(positions, (_, row) => [getId(row), row]));

  const state = {
    coloring: colorings[0],
    hidden: new Set(),
    minConfidence: -Infinity,
    rows: null, // shown, in the order of the plot
    selected: null, // rows in the lasso
    row: null, // the sample in the panel
    drag: matchMedia("(pointer: coarse)").matches ? "scroll" : "pan",
  };

  function create(tag, properties = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(properties)) {
      if (name in element) element[name] = value;
      else element.setAttribute(name, value);
    }
    element.append(...children);
    return element;
  }
  const formatCount = (count) => count.toLocaleString("en");
  const formatFraction = (count) => `${((100 * count) / content.nSamples).toFixed(1)}%`;
  const isNamed = (group) => Boolean(group.title) && !group.isNoise && group.title !== `cluster ${group.name}`;
  const nameInFull = (group) => (isNamed(group) ? `${group.name}: ${group.title}` : group.title || group.name);

  // The shortest text that stands for a number; a gap is empty.
  function formatNumber(numbers, row) {
    const number = numbers[row];
    if (Number.isNaN(number)) return "";
    if (!(numbers instanceof Float32Array)) return String(number);
    const digits = [6, 7, 8, 9].find((n) => Math.fround(Number(number.toPrecision(n))) === number);
    return String(Number(number.toPrecision(digits)));
  }

  function getText({ numbers, codes, texts }, row) {
    if (numbers) return formatNumber(numbers, row);
    return codes[row] < 0 ? "" : texts[codes[row]];
  }

  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const groupColor = (group) => (darkScheme.matches ? group.dark : group.light);
  // Plotly reads names as a subset of HTML.
  const escape = (text) =>
    text.replace(/[&<>]/g, (character) => `&#${character.charCodeAt(0)};`);

  // Embedding ------------------------------------------------------------------------------------

  function findShownRows() {
    const { codes } = state.coloring;
    const rows = [];
    for (let row = 0; row < positions.length; row += 1) {
      const isCertain = !confidence || confidence[row] >= state.minConfidence;
      if (isCertain && !state.hidden.has(codes[row])) rows.push(row);
    }
    return Int32Array.from(rows);
  }

  function take(values, rows) {
    const taken = new Float32Array(rows.length);
    for (let i = 0; i < rows.length; i += 1) taken[i] = values[rows[i]];
    return taken;
  }

  function buildColorScale(groups) {
    const n = groups.length;
    return groups.flatMap((group, code) => [
      [code / n, groupColor(group)],
      [(code + 1) / n, groupColor(group)],
    ]);
  }

  function buildMarker() {
    const widest = Math.min(7, plot.clientWidth / 100);
    const size = Math.max(2.5, Math.min(widest, 300 / Math.sqrt(state.rows.length + 1)));
    if (state.coloring === "confidence") {
      return {
        size,
        color: take(confidence, state.rows),
        colorscale: "Viridis",
        showscale: true,
        colorbar: { thickness: 10, len: 0.6, tickfont: { color: color("--text") } },
      };
    }
    const { groups, codes } = state.coloring;
    return {
      size,
      color: take(codes, state.rows),
      colorscale: buildColorScale(groups),
      cmin: -0.5,
      cmax: groups.length - 0.5,
    };
  }

  const MAX_NAMES = 10; // in the plot; more clusters have their numbers
  const MAX_CHARACTERS = 24;
  function nameInPlot(group) {
    const isCrowded = plot.clientWidth < 600 || state.coloring.groups.length > MAX_NAMES;
    if (!isNamed(group) || isCrowded) return group.name;
    const { title } = group;
    return title.length > MAX_CHARACTERS ? `${title.slice(0, MAX_CHARACTERS - 1)}…` : title;
  }

  function buildNames() {
    return state.coloring.groups
      .map((group, code) => ({ group, code }))
      .filter(({ group, code }) => !group.isNoise && !state.hidden.has(code))
      .map(({ group }) => ({
        x: group.place[0],
        y: group.place[1],
        name: nameInPlot(group),
        text: `<b>${escape(nameInPlot(group))}</b>`,
        xshift: 0,
        yshift: 0,
        showarrow: false,
        font: { color: color("--text"), size: 13 },
        bgcolor: color("--background"),
        opacity: 0.85,
        borderpad: 1,
      }));
  }

  function buildLayout(names) {
    const axis = { visible: false, automargin: false };
    return {
      uirevision: "view", // keeps the zoom
      margin: { l: MARGIN, r: MARGIN, t: MARGIN, b: MARGIN },
      paper_bgcolor: color("--background"),
      plot_bgcolor: color("--background"),
      font: { color: color("--text") },
      dragmode: state.drag === "scroll" ? false : state.drag,
      hovermode: "closest",
      showlegend: false,
      xaxis: { ...axis },
      yaxis: { ...axis, scaleanchor: "x" },
      annotations: names,
      newselection: { line: { color: color("--text") } },
    };
  }

  const MARGIN = 4;
  const plot = byId("plot");
  const config = { responsive: true, displayModeBar: false, scrollZoom: true, doubleClick: "reset" };
  let shownColoring = colorings[0]; // confidence is shown with the groups of the last one

  function draw() {
    const isConfidence = state.coloring === "confidence";
    const coloring = state.coloring;
    if (isConfidence) state.coloring = shownColoring;
    state.rows = findShownRows();
    const names = buildNames();
    state.coloring = coloring;
    const points = {
      type: "scattergl",
      mode: "markers",
      x: take(x, state.rows),
      y: take(y, state.rows),
      marker: buildMarker(),
      hoverinfo: "none",
      unselected: { marker: { opacity: 0.15 } },
      selectedpoints: null,
    };
    if (state.selected) {
      const selected = new Set(state.selected);
      points.selectedpoints = Array.from(state.rows.keys()).filter((i) =>
        selected.has(state.rows[i]),
      );
    }
    const current = {
      type: "scattergl",
      mode: "markers",
      x: state.row === null ? [] : [x[state.row]],
      y: state.row === null ? [] : [y[state.row]],
      marker: { size: 16, symbol: "circle-open", color: color("--text"), line: { width: 3 } },
      hoverinfo: "skip",
    };
    Plotly.react(plot, [points, current], buildLayout(names), config).then(separateNames);
    updateCounts();
  }

  // Names are moved apart, by pixels, until none overlap at the current zoom.
  function separateNames() {
    const names = plot.layout.annotations || [];
    const width = plot.clientWidth - 2 * MARGIN;
    const height = plot.clientHeight - 2 * MARGIN;
    const [left, right] = plot.layout.xaxis.range;
    const [bottom, top] = plot.layout.yaxis.range;
    const boxes = names.map((name) => ({
      x: ((name.x - left) / (right - left)) * width,
      y: ((name.y - bottom) / (top - bottom)) * height,
      width: 9 * name.name.length + 6,
      height: 20,
    }));
    const centers = boxes.map((box) => ({ x: box.x, y: box.y }));
    for (let round = 0, isMoving = true; isMoving && round < 200; round += 1) {
      isMoving = false;
      for (let i = 0; i < boxes.length; i += 1) {
        for (let j = 0; j < i; j += 1) {
          const gap = { x: centers[i].x - centers[j].x, y: centers[i].y - centers[j].y };
          const overlap = {
            x: (boxes[i].width + boxes[j].width) / 2 - Math.abs(gap.x),
            y: (boxes[i].height + boxes[j].height) / 2 - Math.abs(gap.y),
          };
          if (overlap.x <= 0 || overlap.y <= 0) continue;
          const axis = overlap.x < overlap.y ? "x" : "y";
          const move = (gap[axis] < 0 ? -1 : 1) * (overlap[axis] / 2 + 0.5);
          centers[i][axis] += move;
          centers[j][axis] -= move;
          isMoving = true;
        }
      }
    }
    const moved = names.map((name, i) => ({
      ...name,
      xshift: Math.round(centers[i].x - boxes[i].x),
      yshift: Math.round(centers[i].y - boxes[i].y),
    }));
    const isSame = (one, i) => one.xshift === names[i].xshift && one.yshift === names[i].yshift;
    if (!moved.every(isSame)) Plotly.relayout(plot, { annotations: moved });
  }

  function updateCounts() {
    const parts = [`${formatCount(state.rows.length)} of ${formatCount(positions.length)} samples shown`];
    if (state.selected) parts.push(`${formatCount(state.selected.length)} selected`);
    byId("counts").textContent = parts.join(", ");
    byId("export").textContent = state.selected ? "Export selection as CSV" : "Export CSV";
  }

  function setColoring(value) {
    state.coloring = value === "confidence" ? value : colorings[Number(value)];
    if (value !== "confidence") shownColoring = state.coloring;
    state.hidden.clear();
    showGroups();
    draw();
  }

  function showGroups() {
    const boxes = shownColoring.groups.map((group, code) => {
      const box = create("input", { type: "checkbox", checked: !state.hidden.has(code) });
      box.addEventListener("change", () => {
        if (box.checked) state.hidden.delete(code);
        else state.hidden.add(code);
        draw();
      });
      const swatch = create("span", { className: "swatch" });
      swatch.style.background = groupColor(group);
      return create("label", {}, box, " ", swatch, `${nameInFull(group)} (${formatCount(group.size)})`);
    });
    byId("groups").replaceChildren(...boxes);
  }

  function showOnly(codes) {
    state.hidden = new Set(shownColoring.groups.keys());
    for (const code of codes) state.hidden.delete(code);
    showGroups();
    draw();
  }

  function showAll() {
    state.hidden.clear();
    state.selected = null;
    state.minConfidence = -Infinity;
    if (confidence) {
      byId("confidence").value = byId("confidence").min;
      showMinConfidence();
    }
    showGroups();
    draw();
    Plotly.relayout(plot, { "xaxis.autorange": true, "yaxis.autorange": true, selections: [] });
  }

  function showMinConfidence() {
    byId("confidence-value").textContent = Number(byId("confidence").value).toFixed(2);
  }

  function setDrag(value) {
    state.drag = value;
    Plotly.relayout(plot, { dragmode: value === "scroll" ? false : value });
  }

  // Sample ---------------------------------------------------------------------------------------

  const images = { sheets: new Map() };
  function loadSheet(source) {
    if (!images.sheets.has(source)) {
      const image = new Image();
      image.src = source;
      images.sheets.set(source, image.decode().then(() => image));
    }
    return images.sheets.get(source);
  }

  function drawImage(collection, index, label) {
    const { width, height, perRow, perSheet, sheets, isGray } = collection;
    const canvas = create("canvas", { width, height, role: "img", "aria-label": label });
    canvas.style.aspectRatio = `${width} / ${height}`;
    if (isGray) canvas.className = "gray";
    const place = index % perSheet;
    const left = (place % perRow) * width;
    const top = Math.floor(place / perRow) * height;
    loadSheet(sheets[Math.floor(index / perSheet)]).then((image) => {
      canvas.getContext("2d").drawImage(image, left, top, width, height, 0, 0, width, height);
    });
    return canvas;
  }

  function buildTable(rows) {
    const lines = rows.map(([name, value]) =>
      create("tr", {}, create("th", { scope: "row", textContent: name }),
        create("td", { textContent: value })));
    return create("table", {}, create("tbody", {}, ...lines));
  }

  function describe(row) {
    state.row = row;
    byId("sample").value = getId(row);
    const rows = colorings.map(({ name, codes, groups }) => [name, nameInFull(groups[codes[row]])]);
    if (ids) rows.unshift([ids.name, getId(row)]);
    if (confidence) rows.push(["confidence", confidence[row].toFixed(3)]);
    const parts = [buildTable(rows)];
    if (samples.images) parts.unshift(drawImage(samples.images, row, `Sample ${getId(row)}`));
    if (columns.length) {
      const cluster = content.clusters[colorings[0].codes[row]];
      parts.push(create("p", { className: "hint", textContent: "Columns that set the cluster apart:" }));
      parts.push(buildTable(cluster.profile.map(({ column }) =>
        [columns[column].name, getText(columns[column], row)])));
    }
    byId("details").replaceChildren(...parts);
  }

  function inspect(row) {
    describe(row);
    Plotly.restyle(plot, { x: [[x[row]]], y: [[y[row]]] }, [1]);
  }

  function step(difference) {
    if (!state.rows.length) return;
    const position = state.row === null ? -1 : state.rows.indexOf(state.row);
    const n = state.rows.length;
    inspect(state.rows[(position + difference + n) % n]);
  }

  function inspectAndShow(row) {
    inspect(row);
    byId("embedding").scrollIntoView();
  }

  // Export ---------------------------------------------------------------------------------------

  function quote(text) {
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  }

  function buildCsv() {
    const shown = new Set(state.rows);
    const rows = state.selected ? state.selected.filter((row) => shown.has(row)) : [...state.rows];
    rows.sort((one, other) => positions[one] - positions[other]);
    const header = [ids ? ids.name : "sample", ...colorings.map(({ name }) => name)];
    const [{ codes: clusters, groups: named, name: method }] = colorings;
    const hasNames = named.some(isNamed);
    if (hasNames) header.push(`${method}_name`);
    if (confidence) header.push("confidence");
    header.push("x", "y", ...columns.map(({ name }) => name));
    const lines = rows.map((row) => {
      const values = [getId(row), ...colorings.map(({ codes, groups }) => groups[codes[row]].name)];
      if (hasNames) values.push(named[clusters[row]].title);
      for (const numbers of confidence ? [confidence, x, y] : [x, y]) {
        values.push(formatNumber(numbers, row));
      }
      values.push(...columns.map((column) => getText(column, row)));
      return values.map(quote).join(",");
    });
    return [header.map(quote).join(","), ...lines, ""].join("\r\n");
  }

  function exportCsv() {
    const link = create("a", { download: "samples.csv" });
    link.href = URL.createObjectURL(new Blob([buildCsv()], { type: "text/csv" }));
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }

  // Clusters -------------------------------------------------------------------------------------

  function buildMembers(title, rows) {
    if (!rows.length) return [];
    const buttons = rows.map((row) => {
      const label = `Sample ${getId(row)}, confidence ${confidence[row].toFixed(2)}`;
      const shown = samples.images ? drawImage(samples.images, row, label)
        : `${getId(row)} (${confidence[row].toFixed(2)})`;
      const button = create("button", { type: "button", title: label }, shown);
      button.addEventListener("click", () => inspectAndShow(row));
      return button;
    });
    const className = samples.images ? "images" : "members";
    return [create("p", { textContent: title }), create("div", { className }, ...buttons)];
  }

  function buildProfile(cluster) {
    const largest = Math.max(...content.clusters.flatMap(({ profile }) =>
      profile.map(({ difference }) => Math.abs(difference))), 1e-9);
    const lines = cluster.profile.map(({ column, typical, overall, difference, value }) => {
      const bar = create("div", { className: difference < 0 ? "negative" : "positive" });
      bar.style.width = `${(100 * Math.abs(difference)) / largest}%`;
      const halves = [create("div"), create("div")];
      halves[difference < 0 ? 0 : 1].append(bar);
      const { name } = columns[column];
      const sign = difference < 0 ? "" : "+";
      const what = value === null ? "" : ` of being ${value}`;
      return create("tr", { title: `${sign}${difference.toFixed(2)} standard deviations${what}` },
        create("th", { scope: "row", textContent: name, title: name, className: "cut" }),
        create("td", {}, create("div", { className: "typical", textContent: typical }),
          create("div", { className: "overall", textContent: `in all: ${overall}` })),
        create("td", {}, create("div", { className: "difference" }, ...halves)));
    });
    const caption = create("caption", { textContent: "Median and quartiles, or the most " +
      "frequent values; difference from all in standard deviations" });
    return create("table", { className: "profile" }, caption, create("tbody", {}, ...lines));
  }

  function buildCard(cluster, index) {
    const group = colorings[0].groups[index];
    const swatch = create("span", { className: "swatch", "data-group": index });
    const name = group.isNoise ? "Noise" : nameInFull(group).replace(/^c/, "C");
    const heading = create("h3", { className: "cut", title: name }, swatch, name);
    const button = create("button", { type: "button", textContent: "Show",
      "aria-label": `Show only ${group.isNoise ? "noise" : `cluster ${cluster.name}`}` });
    button.addEventListener("click", () => {
      byId("coloring").value = "0";
      setColoring("0");
      showOnly([index]);
      byId("embedding").scrollIntoView();
    });
    const largest = Math.max(...content.clusters.map(({ size }) => size));
    const fill = create("div", { "data-group": index });
    fill.style.width = `${(100 * cluster.size) / largest}%`;
    const facts = [`${formatCount(cluster.size)} samples (${formatFraction(cluster.size)})`];
    if (cluster.confidence) {
      const [low, , median, , high] = cluster.confidence.map((value) => value.toFixed(2));
      facts.push(`confidence ${median} (${low} to ${high})`);
    }
    const parts = [create("div", { className: "top" }, heading, button),
      create("div", { className: "bar" }, fill),
      create("p", { textContent: facts.join(", ") })];
    if (content.prototypes) {
      const image = drawImage(content.prototypes, index, `Prototype of cluster ${cluster.name}`);
      parts.push(create("div", { className: "prototype" }, image));
    }
    if (cluster.profile.length) parts.push(buildProfile(cluster));
    parts.push(...buildMembers("Most certain", cluster.typical));
    parts.push(...buildMembers("Least certain", cluster.doubtful));
    return create("article", { className: "card", id: `cluster-${index}` }, ...parts);
  }

  // In as many columns as fit, at most four; the cards of the last line fill it.
  function arrangeCards() {
    const cards = [...byId("cards").children];
    const widest = Math.max(1, Math.min(4, Math.floor(byId("cards").clientWidth / 300)));
    const nColumns = Math.ceil(cards.length / Math.ceil(cards.length / widest));
    const nLast = cards.length % nColumns || nColumns;
    cards.forEach((card, index) => {
      const isLast = index >= cards.length - nLast;
      card.style.gridColumn = `span ${12 / (isLast ? nLast : nColumns)}`;
    });
  }

  function buildName(cluster, index) {
    const group = colorings[0].groups[index];
    const swatch = create("span", { className: "swatch", "data-group": index });
    const name = nameInFull(group);
    const link = create("a", { href: `#cluster-${index}`, textContent: name });
    const size = create("span", { className: "size",
      textContent: `${formatCount(cluster.size)} (${formatFraction(cluster.size)})` });
    const parts = [swatch, link, size];
    if (content.prototypes) parts.push(drawImage(content.prototypes, index, `Prototype of cluster ${cluster.name}`));
    if (cluster.line) {
      parts.push(create("span", { className: "line", textContent: cluster.line }));
    }
    return create("li", {}, ...parts);
  }

  function colorGroups() {
    for (const element of document.querySelectorAll("[data-group]")) {
      element.style.background = groupColor(colorings[0].groups[Number(element.dataset.group)]);
    }
  }

  // Tables and curves ----------------------------------------------------------------------------

  function buildRow(cells, tag = "td") {
    const [first, ...others] = cells;
    const heading = { scope: tag === "th" ? "col" : "row", textContent: first, title: first };
    return create("tr", {}, create("th", heading), ...others.map((cell) =>
      create(tag, { textContent: cell, ...(tag === "th" && { scope: "col", title: cell }) })));
  }

  function showComparison() {
    const { columns, rows } = content.comparison;
    const table = create("table", {}, create("thead", {}, buildRow(columns, "th")),
      create("tbody", {}, ...rows.map((row) => buildRow(row))));
    byId("comparison").querySelector(".scroll").append(table);
  }

  function showConfusion() {
    const { classes, clusters, counts, accuracy } = content.confusion;
    byId("accuracy").textContent =
      `Rows are classes, columns clusters in the order of the classes that they are matched to. ` +
      `Accuracy ${accuracy.toFixed(3)}.`;
    const body = counts.map((row, i) => {
      const total = row.reduce((sum, count) => sum + count, 0);
      const line = buildRow([classes[i], ...row.map((count) => formatCount(count))]);
      row.forEach((count, j) => {
        const cell = line.children[j + 1];
        if (!count) cell.className = "empty";
        // At most half of the accent: text is legible on all.
        const percentage = Math.round((50 * count) / total);
        cell.style.background = `color-mix(in srgb, var(--accent) ${percentage}%, transparent)`;
      });
      return line;
    });
    const table = create("table", { className: "matrix" },
      create("thead", {}, buildRow(["class \\ cluster", ...clusters], "th")), create("tbody", {}, ...body));
    byId("confusion").querySelector(".scroll").append(table);
  }

  function drawHistory() {
    content.history.forEach((curve, index) => {
      const id = `curve-${index}`;
      if (!byId(id)) byId("curves").append(create("div", { id, className: "curve" }));
      const axis = { gridcolor: color("--border"), zeroline: false, linecolor: color("--border") };
      Plotly.react(id, [{
        x: curve.values.map((_, i) => i + 1),
        y: curve.values,
        mode: curve.values.length > 30 ? "lines" : "lines+markers",
        line: { color: color("--accent") },
      }], {
        title: { text: escape(curve.title), font: { size: 14 } },
        margin: { l: 52, r: 12, t: 36, b: 44 },
        paper_bgcolor: color("--background"),
        plot_bgcolor: color("--background"),
        font: { color: color("--text"), size: 12 },
        xaxis: { ...axis, title: { text: curve.x } },
        yaxis: axis,
        dragmode: false,
      }, { responsive: true, displayModeBar: false });
    });
  }

  // Page -----------------------------------------------------------------------------------------

  function showHead() {
    document.title = content.title;
    byId("title").textContent = content.title;
    const [summary, ...sentences] = content.found;
    byId("summary").textContent = summary;
    byId("sentences").append(...sentences.map((textContent) => create("p", { textContent })));
    byId("names").append(...content.clusters.map(buildName));
    byId("version").textContent = `Written by skdec ${content.version}.`;
    for (const section of document.querySelectorAll("main > section:not([hidden])")) {
      const link = create("a", { href: `#${section.id}` });
      link.textContent = section.querySelector("h2").textContent;
      byId("sections").append(link);
    }
  }

  function buildControls() {
    const choices = colorings.map(({ name }, index) =>
      create("option", { value: String(index), textContent: name }));
    if (confidence) choices.push(create("option", { value: "confidence", textContent: "confidence" }));
    byId("coloring").append(...choices);
    byId("coloring").addEventListener("change", (event) => setColoring(event.target.value));
    for (const radio of document.querySelectorAll("input[name=drag]")) {
      radio.checked = radio.value === state.drag;
      radio.addEventListener("change", () => setDrag(radio.value));
    }
    byId("confidence-filter").hidden = !confidence;
    if (confidence) {
      const slider = byId("confidence");
      slider.min = Math.floor(100 * confidence.reduce((a, b) => Math.min(a, b), 1)) / 100;
      slider.max = confidence.reduce((a, b) => Math.max(a, b), 0);
      slider.step = 0.01;
      slider.value = slider.min;
      showMinConfidence();
      slider.addEventListener("input", showMinConfidence);
      slider.addEventListener("change", () => {
        state.minConfidence = Number(slider.value);
        draw();
      });
    }
    byId("controls").addEventListener("submit", (event) => event.preventDefault());
    byId("reset").addEventListener("click", showAll);
    byId("export").addEventListener("click", exportCsv);
    byId("all-groups").addEventListener("click", () => showOnly(shownColoring.groups.keys()));
    byId("no-groups").addEventListener("click", () => showOnly([]));
    byId("previous").addEventListener("click", () => step(-1));
    byId("next").addEventListener("click", () => step(1));
    if (ids) Object.assign(byId("sample"), { type: "text", inputMode: "text" });
    byId("sample").addEventListener("input", (event) => {
      const row = rowOfId.get(event.target.value.trim());
      if (row !== undefined) inspect(row);
    });
  }

  byId("comparison").hidden = !content.comparison;
  byId("confusion").hidden = !content.confusion;
  byId("history").hidden = !content.history.length;
  showHead();
  buildControls();
  showGroups();
  byId("cards").append(...content.clusters.map(buildCard));
  arrangeCards();
  new ResizeObserver(arrangeCards).observe(byId("cards"));
  if (content.comparison) showComparison();
  if (content.confusion) showConfusion();
  colorGroups();
  // After the script of plotly, so that what was found is seen before that has been read.
  addEventListener("DOMContentLoaded", () => {
    draw();
    drawHistory();
    // Marked by the pointer itself.
    plot.on("plotly_hover", ({ points }) => describe(state.rows[points[0].pointNumber]));
    plot.on("plotly_click", ({ points }) => inspect(state.rows[points[0].pointNumber]));
    plot.on("plotly_relayout", (changes) => {
      if (Object.keys(changes).some((name) => /range/.test(name))) separateNames();
    });
    plot.on("plotly_selected", (event) => {
      if (!event) return;
      state.selected = event.points.filter((point) => point.curveNumber === 0)
        .map((point) => state.rows[point.pointNumber]);
      updateCounts();
    });
    plot.on("plotly_deselect", () => {
      state.selected = null;
      updateCounts();
    });
    addEventListener("beforeprint", () => Plotly.relayout(plot, { width: 660, height: 500 }));
    addEventListener("afterprint", () => Plotly.relayout(plot, { width: null, height: null, autosize: true }));
    darkScheme.addEventListener("change", () => {
      showGroups();
      colorGroups();
      draw();
      drawHistory();
    });
  });
})();
