// Makes a zoomed time axis, or the dates chosen in the calendar, the time range: cards and charts
// follow, and the server sends every reading in it.
(function () {
    const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?$/;
    const FIRST = "1753-01-03T00:00", LAST = "9998-12-31T00:00"; // as on the server
    const PAUSE = 200; // milliseconds, so that several clicks on a button make one request
    const dash = () => window.dash_clientside;
    const props = (id) => window.dash_component_api?.getLayout(id)?.props;
    const watched = new WeakMap(); // by graph: the function that it calls
    let preset = "all"; // the last time range chosen from the list
    let timer = null;

    function isTime(text) {
        const time = TIME.test(text) ? new Date(`${text}Z`) : NaN; // 31 February becomes March
        return !isNaN(time) && time.toISOString().startsWith(text) && FIRST <= text && text <= LAST;
    }

    // Whether the views in an older project's pages/ take only a span.
    const takesNone = () => document.querySelector('meta[name="zoom"]')?.content !== "yes";

    // Whether a text is a time range, as in 2026-11-01T08:00/2026-11-02T09:30.
    function isRange(text) {
        if (takesNone()) return false;
        const [start, end, ...more] = String(text).split("/");
        return !more.length && isTime(start) && isTime(end) && start <= end;
    }

    function set(wanted) {
        clearTimeout(timer);
        if (!props("window")) return;
        const {options, value: now} = props("window");
        const value = isRange(wanted) || Object.hasOwn(options, wanted) ? wanted : "all";
        if (now !== value) dash().set_props("window", {value});
    }

    // Plotly's times, which are the dashboard's wall clock, as a range of whole seconds.
    function rangeOf(ends) {
        const utc = (it) => (it.includes(" ") ? `${it.replace(" ", "T")}Z` : it); // else a day
        const [start, end] = ends.map((it) => Date.parse(utc(String(it))) / 1000);
        const text = (seconds) => new Date(1000 * seconds).toISOString().slice(0, 19);
        return isNaN(start + end) ? "" : `${text(Math.floor(start))}/${text(Math.ceil(end))}`;
    }

    function relayout(plot, change) {
        const axis = (key) => /^(xaxis\d*)\.(auto)?range/.exec(key)?.[1];
        const isEmpty = !plot.data?.length; // it has no times, but a way back
        const fits = (it) => it && (isEmpty ? change[`${it}.autorange`] : plot.layout[it]?.type === "date");
        const name = Object.keys(change).map(axis).find(fits);
        if (!name) return;
        const isReset = change[`${name}.autorange`];
        const value = isReset ? preset : rangeOf(plot.layout[name].range);
        clearTimeout(timer);
        if (isReset || isRange(value)) timer = setTimeout(set, PAUSE, value);
    }

    // Plotly removes its listeners when Dash redraws a graph.
    function watch({target}) {
        const plot = target.closest?.(".js-plotly-plot");
        if (!plot?.on) return;
        if (!watched.has(plot)) watched.set(plot, (change) => relayout(plot, change));
        plot.removeListener("plotly_relayout", watched.get(plot));
        plot.on("plotly_relayout", watched.get(plot));
    }

    const days = (value) => (isRange(value) ? value.split("/").map((it) => it.slice(0, 10)) : [null, null]);

    // The first and the last day of a range, for the calendar.
    function show(value) {
        if (!isRange(value)) preset = value ?? preset;
        return days(value);
    }

    function pickDates(start, end) {
        const value = props("window")?.value, [first, last] = days(value);
        const same = (start?.slice(0, 10) ?? null) === first && (end?.slice(0, 10) ?? null) === last;
        if (same || Boolean(start) !== Boolean(end)) return;
        set(start ? `${start.slice(0, 10)}T00:00:00/${end.slice(0, 10)}T23:59:59` : preset);
    }

    for (const event of ["pointerover", "focusin"]) addEventListener(event, watch, {passive: true});
    const zoom = {isRange, show, pickDates};
    window.dash_clientside = Object.assign({}, window.dash_clientside, {zoom});
})();
