// Labels the end of each visible line with its last value, without overlaps. `layout.meta.ends` of
// the figure has the texts and places, in the order of its traces.
(function () {
    const HEIGHT = 13; // pixels, of a label
    const NARROW = 600; // pixels; narrower charts have no room for labels

    const isNarrow = (plot) => plot.clientWidth < NARROW;

    // Removes the margin for labels on the right if there will be none.
    function prepare(plot, layout) {
        if (layout.meta?.ends && isNarrow(plot)) layout.margin = {...layout.margin, r: 12};
    }

    const number = (axis, value) =>
        axis.type === "log" ? Math.log10(value)
        : axis.type === "date" && typeof value === "string" ? Date.parse(value.replace(" ", "T") + "Z")
        : value;

    // The place of a value on an axis, from 0 to 1.
    function share(axis, value) {
        const [low, high] = axis.range.map((it) => (axis.type === "date" ? number(axis, it) : it));
        return (number(axis, value) - low) / (high - low);
    }

    // Moves labels apart, in the order of their places; if there are too many, some are left out.
    function spread(labels, top, bottom) {
        labels.sort((a, b) => a.at - b.at);
        const fit = Math.floor((bottom - top) / HEIGHT);
        if (labels.length > fit) {
            let last = -Infinity;
            return labels.filter((it) => it.at - last >= HEIGHT && ((last = it.at), true));
        }
        let least = top + HEIGHT / 2;
        for (const it of labels) {
            it.at = Math.max(it.at, least);
            least = it.at + HEIGHT;
        }
        let most = bottom - HEIGHT / 2;
        for (const it of labels.toReversed()) {
            it.at = Math.min(it.at, most);
            most = it.at - HEIGHT;
        }
        return labels;
    }

    function label({at, left, color, text}) {
        const it = document.createElement("span");
        Object.assign(it.style, {top: `${at - HEIGHT / 2}px`, left: `${left}px`, borderColor: color});
        it.textContent = text;
        return it;
    }

    // The labels of one panel: those of its lines that end within what is shown.
    function panel(plot, name, lines) {
        const {xaxis, [name.replace("y", "yaxis")]: yaxis} = plot.layout;
        const area = plot.querySelector(`.nsewdrag[data-subplot="x${name}"]`);
        if (!area || !xaxis?.range || !yaxis?.range) return [];
        const [left, top, width, height] = ["x", "y", "width", "height"].map((it) => +area.getAttribute(it));
        const labels = lines.flatMap(({x, y, text, color}) => {
            const [across, up] = [share(xaxis, x), share(yaxis, y)];
            const within = across >= 0 && across <= 1.001 && up >= 0 && up <= 1;
            return within ? [{at: top + (1 - up) * height, left: left + width + 4, color, text}] : [];
        });
        return spread(labels, top - HEIGHT / 2, top + height + HEIGHT / 2).map(label);
    }

    function draw(plot) {
        const frame = plot.querySelector(".svg-container");
        if (!frame) return;
        let box = frame.querySelector(":scope > .ends");
        const ends = isNarrow(plot) ? [] : (plot.layout?.meta?.ends ?? []);
        if (!box && !ends.length) return;
        if (!box) {
            box = frame.appendChild(document.createElement("div"));
            box.className = "ends";
            box.setAttribute("aria-hidden", "true"); // the cards say the same
        }
        const panels = new Map();
        ends.forEach((it, at) => {
            const {yaxis = "y", visible = true, line} = plot.data[at] ?? {visible: false};
            if (visible !== true) return;
            if (!panels.has(yaxis)) panels.set(yaxis, []);
            panels.get(yaxis).push({...it, color: line?.color});
        });
        box.replaceChildren(...[...panels].flatMap(([name, lines]) => panel(plot, name, lines)));
    }

    const ends = {prepare, draw};
    window.dash_clientside = Object.assign({}, window.dash_clientside, {ends});
})();
