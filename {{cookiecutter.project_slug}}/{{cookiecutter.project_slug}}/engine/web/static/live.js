// Polls the server for a new version when one is due, and passes it to the views once the last one
// is shown. Meanwhile it counts the age of the data, so that an unreachable server is noticed.
(function () {
    const STATES = {loading: "Loading", live: "Live", stale: "Stale", error: "Error"};
    const COMPLETE = "Up to date"; // instead of "Live": the page shows all there is, however old
    const SOON = 0.25, LATE = 2, RARELY = 60, PATIENCE = 10, SILENT = 5; // seconds
    const dash = () => window.dash_clientside;
    let answer = null; // the last response
    let answered = moment();
    let wanted = null, wantedAt = 0; // the version that was passed to the views
    let shown = null; // the version that they show: all of its views have arrived
    let said = null; // what the server last said about the wanted version, and when
    let basis = null; // the same for the version that is shown
    let outage = ""; // "silent", "login" or "foreign" while there is no valid response
    let chose = false; // whether the views are loading because of a viewer's choice
    let pause = SOON; // grows while the next version is late
    let timer = null;
    let asked = 0; // how often

    // Seconds since a moment. Setting the clock does not decrease them, nor does a machine's sleep,
    // during which the page's own clock may stop.
    function moment() {
        return {steady: performance.now(), clock: Date.now()};
    }

    function since(then) {
        const now = moment();
        return Math.max(now.steady - then.steady, now.clock - then.clock) / 1000;
    }

    // After a sleep, or after the clock was set, the ages are only estimates.
    function hasJumped() {
        const drift = Date.now() - performance.now(), jumped = Math.abs(drift - hasJumped.drift) > 5000;
        if (jumped || !hasJumped.drift) hasJumped.drift = drift;
        return jumped;
    }

    function take(newest) {
        answer = newest;
        answered = moment();
        note();
        dash().internals.forget();
        advance();
        dash().reload.renew(newest.code);
        dash().set_props("poll", {data: newest});
    }

    function note() {
        if (answer.version === null || answer.version !== wanted) return;
        said = {...answer, at: answered};
        if (shown === wanted) basis = said;
    }

    // Whether the views should get the server's version.
    function isNews() {
        if (!answer || answer.version === null || answer.version === wanted) return false;
        // A server that has just started has none yet, and one of several may be cut off from the
        // newest data: in both cases the page keeps the version it shows. Otherwise, a lower
        // version comes from a server whose clock was set back.
        return !(answer.version < wanted && answer.state !== "live");
    }

    // Takes the next step, if one is due. The views get no new version while some are still being
    // fetched, so that all show the same one.
    function advance() {
        const {views, internals} = dash();
        const settled = performance.now() - wantedAt > 10; // Dash sends its requests a moment later
        const busy = views.busy() || internals.waiting() || !settled;
        if (!busy && shown !== wanted) arrive();
        if (isNews()) {
            if (busy) views.hold();
            else give(answer.version);
        } else if (!busy && views.takeStale()) {
            give(wanted);
        }
        if (busy || isNews()) {
            clearTimeout(advance.timer);
            advance.timer = setTimeout(advance, settled ? 250 : 15);
        }
    }

    function give(version) {
        if (version !== wanted) pause = SOON;
        wanted = version;
        wantedAt = performance.now();
        note();
        dash().views.takeStale();
        dash().set_props("snapshot-version", {data: version});
        clearTimeout(advance.timer);
        advance.timer = setTimeout(advance, 15);
    }

    function arrive() {
        const first = shown === null;
        shown = wanted;
        basis = said ?? basis;
        dash().set_props("clock", {n_intervals: 0}); // so that the status line shows it immediately
        if (first && answer) dash().set_props("poll", {data: {...answer}});
    }

    // About once per refresh, but not at the same instant as all other pages.
    function wait() {
        if (document.hidden) return RARELY;
        if (!outage && answer.next > 0) {
            pause = SOON;
            const due = answer.next + Math.random() * Math.min(answer.next / 10, 1);
            const stale = answer.stale_in > 0 ? answer.stale_in + Math.random() : Infinity; // to show why
            return Math.min(due, stale, RARELY);
        }
        const late = pause * (0.75 + Math.random() / 2);
        pause = Math.min(2 * pause, LATE);
        return late;
    }

    function isAnswer(it) {
        return typeof it?.code === "string" && it.state in STATES && it.version !== undefined;
    }

    // Polls, and returns the response, or what came in its place.
    async function fetchNewest(method) {
        const config = JSON.parse(document.getElementById("_dash-config").textContent);
        const query = wanted === null ? "" : `?version=${wanted}`;
        const aborter = new AbortController();
        const limit = setTimeout(() => aborter.abort(), 1000 * PATIENCE);
        try {
            const response = await fetch(`${config.requests_pathname_prefix}_live${query}`, {
                method,
                headers: {
                    "X-Requested-With": "XMLHttpRequest", // so that the browser shows no password dialog
                    ...(method === "POST" && {"Content-Type": "application/json"}),
                },
                redirect: "manual",
                signal: aborter.signal,
            });
            if (response.type === "opaqueredirect" || response.status === 401) return "login";
            if (!response.ok) return "silent";
            const newest = await response.json().catch(() => null);
            return isAnswer(newest) ? newest : "foreign";
        } catch {
            return "silent";
        } finally {
            clearTimeout(limit);
        }
    }

    async function poll(method) {
        const mine = ++asked;
        const newest = await fetchNewest(method);
        if (mine !== asked) return; // a later poll is under way
        const was = outage;
        outage = typeof newest === "string" ? newest : "";
        if (!outage) {
            if (was) dash().views.hurry();
            take(newest);
        } else if (outage === "login" && answer) {
            dash().reload.logIn(); // not if this was the first response: a reload would not help
        }
        clearTimeout(timer);
        timer = setTimeout(poll, 1000 * wait(), outage ? method : "GET");
    }

    function start(_id, version) {
        wanted = version ?? null;
        wantedAt = performance.now();
        dash().views.onChange(advance);
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
        if (whole < 172_800) return `${Math.floor(whole / 3600)} h`;
        if (whole < 63_115_200) return `${Math.floor(whole / 86_400)} d`;
        return `${Math.floor(whole / 31_557_600)} years`;
    }

    function silence() {
        const time = duration(since(answered));
        if (outage === "login") return `The server has been asking for a login for ${time}: reload the page.`;
        if (outage === "foreign") return `Something other than the server has been answering for ${time}.`;
        return `The server has not answered for ${time}.`;
    }

    function ages() {
        const parts = [];
        const age = basis.age === null ? null : basis.age + since(basis.at);
        const until = basis.until ?? null; // of old data, or of data that are complete
        const checked = answer.refreshed === null ? null : answer.refreshed + since(answered);
        const next = answer.next - since(answered);
        if (until) parts.push(`newest reading ${until}`);
        else if (age !== null) parts.push(`newest reading ${duration(age)} ago`);
        if (checked !== null && (age === null || age - checked > 60)) {
            parts.push(`checked ${duration(checked)} ago`);
        }
        if (next > 0) parts.push(`next in ${duration(next)}`);
        return parts.join(", ");
    }

    function isOld() {
        return basis.stale_in !== null && since(basis.at) > basis.stale_in;
    }

    function status() {
        advance();
        if (hasJumped()) poll("GET");
        const silent = outage && since(answered) > SILENT;
        const says = [silent ? silence() : answer?.message ?? "", dash().views.says()];
        let state = answer?.state ?? "loading";
        if (shown === null && answer && answer.version !== null) state = "loading"; // its views have yet to arrive
        if (basis && (isOld() || dash().views.lost() > SILENT)) state = "stale";
        if (silent) state = "stale";
        const text = basis ? ages() : "", notice = says.filter(Boolean).join("\n");
        const shows = String(basis ? shown : "");
        const word = state === "live" && (basis?.until ?? null) !== null ? COMPLETE : STATES[state];
        const level = silent || answer?.warns || dash().views.says() ? "warning" : "note";
        return only([state, shows, word, text, notice, level, announcement(word, notice)]);
    }

    // What a screen reader reads aloud: each message once, not whenever a number in it changes.
    function announcement(word, notice) {
        const text = `${word}. ${notice}`;
        const kind = text.replace(/\(request \w+\)|\d[\d:,.]*( (s|min|h|d|years)\b)?/g, "");
        if (kind !== announcement.kind) Object.assign(announcement, {kind, text});
        return announcement.text;
    }

    // Leaves out what is unchanged: Dash would draw it again.
    function only(values) {
        return dash().callback_context.outputs_list.map(({id, property}, at) => {
            const now = window.dash_component_api?.getLayout(id)?.props[property];
            return now === values[at] ? dash().no_update : values[at];
        });
    }

    // Marks the page as loading until the first views, or an error, have arrived; later only after a
    // viewer's choice, until its views have arrived.
    function loading(newest) {
        const triggers = dash().callback_context.triggered.map((it) => it.prop_id);
        const reason = newest && newest.version === null && newest.state !== "loading";
        if (shown === null && !reason) return "show";
        chose = !triggers.includes("poll.data") || (chose && dash().views.busy());
        return chose ? "auto" : "hide";
    }

    const live = {start, ask, status, loading};
    window.dash_clientside = Object.assign({}, window.dash_clientside, {live});
})();
