// Asks the server for a new version when one is due, and counts the age of the data on meanwhile,
// so that a server that is out of reach shows.
(function () {
    const STATES = {loading: "Loading", live: "Live", stale: "Stale", error: "Error"};
    const SOON = 0.25, LATE = 2, RARELY = 60, PATIENCE = 10; // seconds
    let answer = null; // the last one, when it came, and what the page shows
    let answeredAt = Date.now();
    let shown = null;
    let unreachable = false;
    let pause = SOON; // grows while the next version is late
    let timer = null;
    let asked = 0; // how often

    function sinceAnswer() {
        return (Date.now() - answeredAt) / 1000;
    }

    function take(newest) {
        // A server that has just started has none yet; the page keeps the one it shows. So it does
        // if one of several is cut off from the newest data. Else a lower version is one of a
        // server whose clock was set back.
        const older = newest.version < shown && newest.state !== "live";
        if (newest.version !== null && newest.version !== shown && !older) {
            shown = newest.version;
            pause = SOON;
            dash_clientside.set_props("snapshot-version", {data: shown});
        }
        answer = newest;
        answeredAt = Date.now();
        renew(newest.code);
        dash_clientside.set_props("answer", {data: newest});
    }

    // A new release of the page comes with its server. Of several servers another may still have
    // the old one, so that the page is loaded once for each.
    function renew(code) {
        const mine = document.querySelector('meta[name="code-version"]').content;
        if (code === mine || sessionStorage.getItem("renewed-for") === code) return;
        sessionStorage.setItem("renewed-for", code);
        location.reload();
    }

    // About once a refresh, and not with all other pages in the same instant.
    function wait() {
        if (document.hidden) return RARELY;
        if (!unreachable && answer.next > 0) {
            pause = SOON;
            return Math.min(answer.next + Math.random() * Math.min(answer.next / 10, 1), RARELY);
        }
        const late = pause * (0.75 + Math.random() / 2);
        pause = Math.min(2 * pause, LATE);
        return late;
    }

    async function poll(method) {
        const mine = ++asked;
        const config = JSON.parse(document.getElementById("_dash-config").textContent);
        let newest = null;
        try {
            const query = shown === null ? "" : `?version=${shown}`;
            const response = await fetch(`${config.requests_pathname_prefix}_live${query}`, {
                method,
                headers: method === "POST" ? {"Content-Type": "application/json"} : {},
                signal: AbortSignal.timeout(1000 * PATIENCE),
            });
            if (response.ok) newest = await response.json();
        } catch {
            // Out of reach, as it is if it has no good answer.
        }
        if (mine !== asked) return; // a later one asks
        unreachable = newest === null;
        if (newest) take(newest);
        clearTimeout(timer);
        timer = setTimeout(poll, 1000 * wait(), unreachable ? method : "GET");
    }

    function start(_id, version) {
        shown = version;
        document.addEventListener("visibilitychange", () => document.hidden || poll("GET"));
        poll("GET");
    }

    function ask(clicks) {
        if (clicks) poll("POST");
    }

    function duration(seconds) {
        const whole = Math.max(0, Math.round(seconds));
        if (whole < 120) return `${whole} s`;
        if (whole < 7200) return `${Math.floor(whole / 60)} min`;
        return `${Math.floor(whole / 3600)} h`;
    }

    function status() {
        const since = sinceAnswer();
        const silent = unreachable && since > 5;
        const silence = `The server has not answered for ${duration(since)}.`;
        const failing = window.dash_clientside.failing.says();
        const says = [silent ? silence : answer?.message ?? "", failing].filter(Boolean).join("\n");
        const state = silent ? "stale" : answer?.state ?? "loading";
        if (!answer || answer.version === null) return [state, "", STATES[state], "", says];
        const age = answer.age + since;
        const old = age > answer.stale_after ? "stale" : state;
        const next = answer.next - since;
        return [
            old,
            String(answer.version),
            STATES[old],
            `updated ${duration(age)} ago` + (next > 0 ? `, next in ${duration(next)}` : ""),
            says,
        ];
    }

    // Marks loading until there are data or a reason why not, then only for a viewer's own change.
    function loading(newest) {
        const triggers = window.dash_clientside.callback_context.triggered.map((it) => it.prop_id);
        if (!newest || (shown === null && newest.state === "loading")) return "show";
        return triggers.length && !triggers.includes("answer.data") ? "auto" : "hide";
    }

    const live = {start, ask, status, loading};
    window.dash_clientside = Object.assign({}, window.dash_clientside, {live});
})();
