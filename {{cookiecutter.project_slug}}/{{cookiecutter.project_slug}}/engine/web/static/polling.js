// Polls the server about once per refresh, when the next one is due, and passes the responses to live.js.
(function () {
    const STATES = new Set(["loading", "live", "stale", "error"]);
    const SOON = 0.25, LATE = 2, RARELY = 60, PATIENCE = 10; // seconds
    const SLACK = 0.1; // a refresh may take longer than the last one, and a poll that is too early is cached
    const CACHED = 3; // caches keep a response no longer
    const dash = () => window.dash_clientside;
    let answer = null, answered = null; // the last response, and when
    let outage = ""; // "silent", "login" or "foreign" while there is no valid response
    let requests = false; // whether the viewer's request to refresh has yet to reach the server
    let delay = SOON; // grows while the next version is late
    let timer = null;
    let asked = 0; // how often
    let lags = []; // how much later than its time each of the last responses came, by this clock

    // About once per refresh, but not at the same instant as all other pages.
    function wait() {
        if (document.hidden) return RARELY;
        const next = answer?.next - dash().clock.since(answered);
        if (!outage && next > 0) {
            delay = SOON;
            const due = next + SLACK + Math.random() * Math.min(answer.next / 10, 1);
            const stale = answer.stale_in > 0 ? answer.stale_in + Math.random() : Infinity; // to show why
            return Math.min(due, stale, RARELY);
        }
        const late = delay * (0.75 + Math.random() / 2);
        delay = Math.min(2 * delay, LATE);
        return late;
    }

    function isAnswer(it) {
        return typeof it?.code === "string" && STATES.has(it.state) && it.version !== undefined;
    }

    // Returns how many seconds ago the server sent a response, which may come from a cache. nginx
    // sends no `Age`, so compare its delay with the shortest of the last ones; the first response
    // never comes from a cache.
    function age(response, {at}) {
        const lag = at ? dash().clock.moment().steady / 1000 - at : 0;
        lags = [...lags, lag].slice(-20);
        const waited = Math.min(lag - Math.min(...lags), CACHED);
        return Math.max(waited, Number(response.headers.get("Age")) || 0);
    }

    // Returns the response and when the server sent it, or a word for what came instead.
    async function fetchNewest(method) {
        const {requests_pathname_prefix} = dash().internals.config();
        const version = dash().live.wanted(), query = new URLSearchParams();
        if (version !== null) query.set("version", version);
        if (!lags.length) query.set("now", Date.now()); // not from a cache
        const aborter = new AbortController();
        const limit = setTimeout(() => aborter.abort(), 1000 * PATIENCE);
        try {
            const response = await fetch(`${requests_pathname_prefix}_live?${query}`, {
                method,
                headers: {
                    "X-Requested-With": "XMLHttpRequest", // so that the browser shows no password dialog
                    ...(method === "POST" && {"Content-Type": "application/json"}),
                },
                cache: "no-store",
                redirect: "manual",
                signal: aborter.signal,
            });
            if (response.type === "opaqueredirect" || response.status === 401) return "login";
            if (!response.ok) return "silent";
            const newest = await response.json().catch(() => null);
            if (!isAnswer(newest)) return "foreign";
            return {newest, at: dash().clock.moment(age(response, newest))};
        } catch {
            return "silent";
        } finally {
            clearTimeout(limit);
        }
    }

    async function poll() {
        const mine = ++asked, method = requests ? "POST" : "GET";
        const found = await fetchNewest(method);
        if (mine !== asked) return; // a later poll is under way
        const was = outage;
        outage = typeof found === "string" ? found : "";
        if (!outage) {
            if (was) dash().views.hurry();
            if (method === "POST") requests = false;
            [answer, answered] = [found.newest, found.at];
            dash().live.take(answer, answered);
        } else if (outage === "login" && answer) {
            dash().reload.logIn(); // not on the first response: a reload would not help
        }
        clearTimeout(timer);
        timer = setTimeout(poll, 1000 * wait());
    }

    function start() {
        answered = dash().clock.moment();
        document.addEventListener("visibilitychange", () => document.hidden || poll());
        poll();
    }

    function requestRefresh() {
        requests = true;
        poll();
    }

    const polling = {
        start, poll, requestRefresh,
        soon: () => (delay = SOON),
        isRequested: () => requests || answer?.next === 0, // the server says 0 until it is done
        state: () => ({answer, answered, outage}),
    };
    window.dash_clientside = Object.assign({}, window.dash_clientside, {polling});
})();
