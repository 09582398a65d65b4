// Loads what a page needs, when it needs it: the layout while the scripts are on their way, plotly.js
// beside the page, and other large scripts only for the components in a response. Dash would load
// them before it draws anything, or from URLs that cannot be cached.
(function () {
    const {charts, internals} = window.dash_clientside;
    const urls = JSON.parse(document.querySelector('meta[name="scripts"]').content); // by component
    const loads = new Map(), loaded = new Set(); // by URL
    const send = window.fetch;
    const PATIENCE = 1000; // milliseconds

    // If the script is missing, reload.js reloads the page.
    function load(url) {
        if (!loads.has(url)) {
            const script = Object.assign(document.createElement("script"), {src: url});
            const whole = new Promise((resolve) => script.addEventListener("load", resolve));
            loads.set(url, whole.then(() => loaded.add(url)));
            document.head.append(script);
        }
        return loads.get(url);
    }

    // Fetches plotly.js without running it.
    function fetchPlotly() {
        if (loads.has(urls.Graph) || document.querySelector("link[rel=preload][as=script]")) return;
        const link = document.createElement("link");
        Object.assign(link, {rel: "preload", as: "script", href: urls.Graph, fetchPriority: "low"});
        document.head.append(link);
    }

    // Runs plotly.js, which takes up to a second. Cards are drawn before, unless their views are slow.
    async function runPlotly() {
        const pause = () => new Promise((resolve) => setTimeout(resolve, 50));
        const end = performance.now() + PATIENCE;
        do await pause();
        while (performance.now() < end && (internals.waiting() || window.dash_clientside.views.busy()));
        await load(urls.Graph);
    }

    // Loads what the components in a response need before Dash draws them.
    async function complete(response) {
        const absent = Object.keys(urls).filter((it) => !loaded.has(urls[it]));
        const isJson = response.headers.get("Content-Type")?.startsWith("application/json");
        if (!absent.length || !isJson) return response;
        const text = await response.clone().text();
        const needed = new Set(absent.filter((it) => text.includes(`"${it}"`)));
        if (needed.delete("Graph")) fetchPlotly();
        await Promise.all([...needed].map((it) => load(urls[it])));
        return response;
    }

    // What Dash asks for first, but only when all of its scripts have arrived.
    function prefetch() {
        const {requests_pathname_prefix: prefix} = internals.config(), headers = {Accept: "application/json"};
        const names = prefix ? ["_dash-layout", "_dash-dependencies"] : [];
        const fetched = (url) => send.call(window, url, {headers}).then(complete).catch(() => null);
        return new Map(names.map((name) => [prefix + name, fetched(prefix + name)]));
    }

    const early = prefetch();
    window.fetch = async function (...request) {
        const response = await early.get(request[0]);
        if (early.delete(request[0]) && response?.ok) return response;
        return complete(await send.apply(this, request));
    };

    internals.providePlotly(runPlotly, charts.prepare);
    if (urls.AgGrid) internals.standIn("dash_ag_grid", "AgGrid");
})();
