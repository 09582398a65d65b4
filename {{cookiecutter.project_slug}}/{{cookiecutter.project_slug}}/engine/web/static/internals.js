// Everything that relies on private parts of Dash's renderer (4.4). For each there is a test that
// fails when a new release of Dash changes it.
(function () {
    const states = () => (window.dash_stores ?? []).map((it) => it.getState());

    // What the server tells Dash in the page.
    function config() {
        return JSON.parse(document.getElementById("_dash-config")?.textContent ?? "{}");
    }

    // Dash keeps every value that an input ever had, for an "undo" that the page does not offer
    // (plotly/dash#727), and every error. In a page that stays open for months, these would only grow.
    function forget() {
        for (const {history, error, config} of states()) {
            if (history?.past) history.past.length = 0;
            if (error?.backEnd && !config?.ui) error.backEnd.length = 0; // the debugger shows them
        }
    }

    // A component's path in the layout; nothing if it is not on the page.
    function path(id) {
        return states().map((it) => it.paths?.strs?.[id]).find(Boolean);
    }

    // Whether Dash has yet to send some requests.
    function waiting() {
        return states().some(({callbacks}) =>
            ["requested", "prioritized", "blocked"].some((kind) => callbacks?.[kind]?.length),
        );
    }

    // Calls `load` when the first dcc.Graph needs plotly.js, and `prepare` once it is there. dcc.Graph
    // waits for `window.Plotly`; its own loader would give up after 30 seconds.
    function providePlotly(load, prepare) {
        let plotly = {then: (resolve) => load().then(() => resolve())};
        const set = (it) => {
            if (it !== plotly) prepare((plotly = it));
        };
        Object.defineProperty(window, "Plotly", {configurable: true, get: () => plotly, set});
    }

    // Stands in for a library until it is loaded: at the start, Dash looks up the components of all
    // callbacks, those on other pages, too.
    function standIn(library, component) {
        window[library] ??= {[component]: () => null};
    }

    const internals = {config, forget, path, providePlotly, standIn, waiting};
    window.dash_clientside = Object.assign({}, window.dash_clientside, {internals});
})();
