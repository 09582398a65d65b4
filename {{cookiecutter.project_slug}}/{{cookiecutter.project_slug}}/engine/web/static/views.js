// Tracks the page's views while they are fetched: a lost one is fetched again with growing pauses,
// and the page can say which are slow, lost or failing. A view is a callback that follows the data
// or the address; a button's callback is never repeated.
(function () {
    const FOLLOWS = new Set(["snapshot-version", "poll", "_pages_location"]);
    const CLOCKWORK = new Set(["snapshot-version", "poll"]); // what changes by itself
    const PAUSES = [0.5, 1, 2, 4, 8, 15, 30], SLOW = 10, GIVE_UP = 300; // seconds
    const START = [0.5, 1, 2, 4]; // while the page is empty
    const QUEUE = [0.1, 0.2, 0.4, 0.8, 1.5, 3]; // seconds until the request is repeated after a 202
    const WAITS_FOR = "X-Computation";
    const GATEWAY = new Set([502, 503, 504]);
    const send = window.fetch;
    const flights = new Map(); // by a callback's outputs: its request in flight
    const calls = new Map(); // by the same: the number of Dash's newest call
    const troubles = new Map(); // by the same: what is wrong, and since when it has been retried
    const versions = new Map(); // by the same: the version of the data that it shows
    const drawn = new Map(); // by the same: the request that Dash has got this version for
    const slow = new Map(); // by the same: a view that has just held back a newer version
    const deliveries = new Set(); // responses that Dash has yet to read
    const sleepers = new Set(); // ends of pauses
    let count = 0;
    let stale = false; // whether a view has arrived that may be older than the others
    let changed = () => {};

    const now = () => performance.now() / 1000;
    const idOf = (output) => /^(?:\.\.)?([^.{]*)\.[^.]/.exec(output)?.[1]; // of its first one
    const present = (output) => !idOf(output) || Boolean(window.dash_clientside.internals.path(idOf(output)));
    const nothing = () => new Response(null, {status: 204}); // Dash takes this for "no update"
    const flat = (parts) => (parts ?? []).flat();

    function part(output) {
        const id = idOf(output) ?? output;
        if (id === "_pages_content") return "The page";
        return document.getElementById(id)?.closest("[aria-label]")?.ariaLabel ?? id;
    }

    // A view's request without the version: the response is always for the newest data.
    function question(asked) {
        const kept = flat(asked.inputs).map((it) => (CLOCKWORK.has(it.id) ? it.id : it));
        return JSON.stringify([kept, asked.state]);
    }

    // Whether a view already shows the version that it gets now: the server answers with its newest
    // data, which may be newer than those that the page asked for.
    function isShown({output, inputs, changedPropIds}, key) {
        const given = flat(inputs).find((it) => it.id === "snapshot-version")?.value;
        const isOnlyNews = String(changedPropIds) === "snapshot-version.data";
        return isOnlyNews && drawn.get(output) === key && versions.get(output) === given;
    }

    function isJson(response) {
        return (response.headers.get("Content-Type") ?? "").includes("json");
    }

    // Why a request is too large, if it is. Any proxy on its way may reject it, or close the
    // connection.
    function excess({body}) {
        const limit = Number(document.querySelector('meta[name="max-body-bytes"]')?.content || Infinity);
        const size = new Blob([body ?? ""]).size;
        return size > limit ? `a request of ${size} bytes is larger than server.max_body_bytes = ${limit} allows` : "";
    }

    // Why a response is not from the server; empty if it is. The server's responses have an id.
    function loss(response, options) {
        if (response.ok && (response.status === 204 || isJson(response))) return "";
        if (response.ok) return "something other than the server is answering";
        const own = response.headers.get("X-Request-ID") && !GATEWAY.has(response.status);
        return own || excess(options) ? "" : `the server did not answer (${response.status})`;
    }

    function judge(output, response, options) {
        const version = Number(response.headers.get("X-Version"));
        if (version) versions.set(output, version);
        if (response.ok) return void troubles.delete(output);
        const login = response.status === 401;
        const request = response.headers.get("X-Request-ID");
        const why = login ? "the server requires a login" : `the server's log says why (request ${request})`;
        troubles.set(output, {why: excess(options) || why});
        if (login) window.dash_clientside.reload.logIn();
    }

    function pause(attempt, pauses = PAUSES) {
        const seconds = pauses[Math.min(attempt, pauses.length - 1)] * (0.75 + Math.random() / 2);
        return new Promise((resolve) => {
            const end = () => (sleepers.delete(end), clearTimeout(timer), resolve());
            const timer = setTimeout(end, 1000 * seconds);
            sleepers.add(end);
        });
    }

    // The server sends 202 while a view is being computed, so that a slow one does not occupy one of
    // the browser's six connections. The page repeats the request, naming the computation it
    // waits for.
    function isNotYet(response) {
        return response.status === 202 && response.headers.has("Retry-After");
    }

    async function fetchOnce(flight, url, options) {
        flight.aborter = new AbortController();
        const timer = setTimeout(() => flight.aborter.abort(), 1000 * GIVE_UP);
        try {
            const headers = new Headers(options.headers);
            if (flight.computation) headers.set(WAITS_FOR, flight.computation);
            const response = await send(url, {...options, headers, signal: flight.aborter.signal});
            const body = await response.arrayBuffer(); // the connection may be lost here, too
            const init = {status: response.status, headers: response.headers};
            return new Response(response.status === 204 ? null : body, init);
        } finally {
            clearTimeout(timer);
        }
    }

    async function fetchFinished(flight, wanted, url, options) {
        for (let queued = 0; ; queued++) {
            const response = await fetchOnce(flight, url, options);
            if (!isNotYet(response)) return response;
            flight.computation = response.headers.get(WAITS_FOR) ?? "";
            if (wanted()) troubles.delete(flight.output);
            await pause(queued, QUEUE);
            if (!wanted()) return nothing();
        }
    }

    async function arrival(flight, url, options) {
        const wanted = () => flights.get(flight.output) === flight && present(flight.output);
        for (let attempt = 0; ; attempt++) {
            let why = "the server did not answer";
            try {
                const response = await fetchFinished(flight, wanted, url, options);
                why = loss(response, options);
                if (!why) {
                    if (wanted()) judge(flight.output, response, options);
                    return response;
                }
            } catch {
                // Lost on the way.
            }
            if (excess(options)) {
                troubles.set(flight.output, {why: excess(options)});
                return nothing();
            }
            if (!wanted()) return nothing();
            const since = troubles.get(flight.output)?.since ?? now();
            troubles.set(flight.output, {why, since});
            changed();
            await pause(attempt);
            if (!wanted()) return nothing();
        }
    }

    function depart(output, key, isData, url, options) {
        flights.get(output)?.aborter.abort();
        const flight = {
            output, key, isData, started: now(), held: false, joined: false, computation: "",
        };
        flights.set(output, flight);
        flight.answer = arrival(flight, url, options).finally(() => land(flight));
        return flight;
    }

    function land(flight) {
        if (flights.get(flight.output) !== flight) return;
        flights.delete(flight.output);
        const seconds = now() - flight.started;
        if (flight.held && seconds > 1) slow.set(flight.output, {seconds, until: now() + 2 * SLOW});
        else slow.delete(flight.output);
        stale ||= flight.joined;
        setTimeout(changed);
    }

    // Passes a response to Dash, and tracks it until Dash has read it: a repeated request before that
    // is dropped.
    function deliver(answer, delivery) {
        const read = answer.json.bind(answer);
        const end = (isRead) => {
            clearTimeout(limit);
            if (isRead && calls.get(delivery.output) === delivery.call) drawn.set(delivery.output, delivery.key);
            if (deliveries.delete(delivery)) changed();
        };
        const limit = setTimeout(end, answer.status === 200 ? 5000 : 0);
        answer.json = () => read().finally(() => setTimeout(end, 0, answer.status === 200));
        return answer;
    }

    // Dash drops the response to a call if the same callback was called again. So the same request
    // is not sent twice: the later call gets the response that is already on its way.
    async function view(url, options, asked) {
        const {output} = asked, key = question(asked), mine = ++count;
        const isData = flat(asked.inputs).some((it) => CLOCKWORK.has(it.id));
        if (isShown(asked, key)) return nothing();
        calls.set(output, mine);
        drawn.delete(output);
        let flight = flights.get(output);
        if (flight?.key === key) flight.joined = true;
        else flight = depart(output, key, isData, url, options);
        const answer = (await flight.answer).clone(), delivery = {output, key, call: mine};
        if (calls.get(output) !== mine) return nothing();
        deliveries.add(delivery);
        const hasContent = answer.status === 200, {in_place} = window.dash_clientside;
        // Dash updates what cannot be updated in place, as on a page that was left in the meantime.
        const updated = isData && hasContent && (await in_place.answer(answer.clone(), asked).catch(() => null));
        const isPage = hasContent && flat(asked.inputs).some((it) => it.id === "_pages_location");
        const {address} = window.dash_clientside;
        return deliver(updated || (isPage ? await address.filled(answer) : answer), delivery);
    }

    async function action(url, options, output) {
        try {
            let response = await send(url, options);
            for (let queued = 0; isNotYet(response); queued++) {
                await pause(queued, QUEUE);
                response = await send(url, options);
            }
            const why = loss(response, options);
            if (why) troubles.set(output, {why, until: now() + 60});
            else judge(output, response, options);
            return response;
        } catch (error) {
            const why = excess(options) || "the server did not answer";
            troubles.set(output, {why, until: now() + 60});
            throw error;
        }
    }

    // Fetches the layout or the list of callbacks. Dash tries only once; if that fails, it shows an error
    // until the page is reloaded.
    async function start(url, options) {
        for (let attempt = 0; ; attempt++) {
            try {
                const response = await send(url, options);
                if (!loss(response, {})) return response;
            } catch {
                // The server did not answer.
            }
            await pause(attempt, START);
        }
    }

    function text(compressed) {
        return new Response(compressed.stream().pipeThrough(new DecompressionStream("gzip"))).text();
    }

    function track(url, given, asked) {
        const headers = new Headers(given.headers);
        headers.set("X-Requested-With", "XMLHttpRequest"); // so that the browser shows no password dialog
        const options = {...given, headers};
        if (!asked.output) return send(url, options); // about streaming callbacks
        const follows = flat(asked.inputs).some((it) => FOLLOWS.has(it.id));
        if (!follows) return action(url, options, asked.output);
        return view(...window.dash_clientside.view_urls.request(url, options, asked), asked);
    }

    window.fetch = function (url, options) {
        const body = options?.body;
        if (String(url).includes("/_dash-update-component")) {
            if (typeof body === "string") return track(url, options, JSON.parse(body));
            // Dash 4.5 compresses the request body of a callback with `compress_payload`.
            if (body instanceof Blob) return text(body).then((it) => track(url, options, JSON.parse(it)));
        }
        if (/\/_dash-layout$/.test(url)) return start(url, options).then(window.dash_clientside.address.filled);
        if (/\/_dash-dependencies$/.test(url)) return start(url, options);
        return send.call(this, url, options);
    };

    // Forgets parts that are no longer on the page.
    function tidy() {
        for (const kept of [troubles, slow, flights, calls, versions, drawn]) {
            for (const output of kept.keys()) {
                if (!present(output) || kept.get(output).until < now()) kept.delete(output);
            }
        }
    }

    function list(outputs) {
        return [...new Set(outputs.map(part))].join(", ");
    }

    function says() {
        tidy();
        const lines = [];
        const whys = new Set([...troubles.values()].map(({why}) => why));
        for (const why of whys) {
            const those = [...troubles].filter(([, it]) => it.why === why);
            const again = those.some(([, it]) => it.since !== undefined) ? ". Trying again" : "";
            lines.push(`${list(those.map(([output]) => output))} could not be updated: ${why}${again}.`);
        }
        for (const {output, started} of flights.values()) {
            const seconds = Math.round(now() - started);
            if (seconds < SLOW || troubles.has(output)) continue;
            lines.push(`${part(output)} has been loading for ${seconds} s.`);
            slow.delete(output);
        }
        for (const [output, {seconds}] of slow) {
            const takes = `${Math.round(seconds)} s, longer than the time between updates`;
            lines.push(`${part(output)} is slow: it takes ${takes}.`);
        }
        return lines.join("\n");
    }

    // Whether views that others wait for have yet to arrive; one that hangs must not hold them up.
    function busy() {
        tidy();
        return deliveries.size > 0 || [...flights.values()].some((it) => now() - it.started < SLOW);
    }

    function hold() {
        for (const flight of flights.values()) flight.held = flight.isData;
    }

    // How many seconds ago the first one was lost.
    function lost() {
        tidy();
        const since = [...troubles.values()].map((it) => it.since ?? Infinity);
        return Math.max(0, now() - Math.min(...since));
    }

    // The versions of the data that the views show.
    function shownVersions() {
        tidy();
        return [...versions.values()];
    }

    function takeStale() {
        const was = stale;
        stale = false;
        return was;
    }

    const views = {
        busy, hold, lost, says, takeStale,
        versions: shownVersions,
        hurry: () => [...sleepers].forEach((end) => end()),
        onChange: (listener) => (changed = listener),
    };
    window.dash_clientside = Object.assign({}, window.dash_clientside, {views});
})();
