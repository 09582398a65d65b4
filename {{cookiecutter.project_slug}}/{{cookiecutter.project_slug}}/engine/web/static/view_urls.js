// Gives a shared view's request a URL, which browsers and proxies can cache, in place of a body.
(function () {
    const LONGEST = 2000; // characters; from 3,000 on, nginx cannot cache the response and sends 502
    const meta = (name) => document.querySelector(`meta[name="${name}"]`)?.content;

    // The URL, or null if the request has to be a POST.
    function of({output, inputs, state}) {
        const isShared = JSON.parse(meta("views") ?? "[]").includes(output);
        const [version, ...choices] = [...inputs, ...(state ?? [])].map((it) => it.value ?? null);
        if (!isShared || !Number.isInteger(version)) return null;
        const values = JSON.stringify(choices);
        const query = new URLSearchParams({code: meta("code-version"), version, output, values});
        const {requests_pathname_prefix} = window.dash_clientside.internals.config();
        const url = `${requests_pathname_prefix}_view?${query}`;
        return url.length > LONGEST ? null : url;
    }

    // What to pass to `fetch` for a request to Dash.
    function request(url, options, asked) {
        const own = of(asked);
        if (!own) return [url, options];
        const {body, ...rest} = options, headers = new Headers(options.headers);
        headers.delete("Content-Type");
        return [own, {...rest, method: "GET", headers}];
    }

    const view_urls = {request};
    window.dash_clientside = Object.assign({}, window.dash_clientside, {view_urls});
})();
