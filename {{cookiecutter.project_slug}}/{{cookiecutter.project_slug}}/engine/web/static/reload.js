// Reloads the page when there is a new release of it, when the server or a gateway requires a login,
// or when one of its scripts is missing; never in a loop, and not before the page can be loaded.
(function () {
    const KEY = "reloads", MINUTE = 60_000; // milliseconds
    const FIRST = 10_000, MOST = 10 * MINUTE, FORGET = 30 * MINUTE;
    let wait = 1000, tryAfter = 0, looking = false, held = false;

    // What earlier loads of this tab stored; nothing if the browser blocks storage.
    function remembered() {
        try {
            return JSON.parse(sessionStorage.getItem(KEY)) ?? {};
        } catch {
            return {};
        }
    }

    function remember(kind, more) {
        const all = remembered(), since = Date.now() - (all[kind]?.at ?? 0);
        const count = since >= 0 && since < FORGET ? (all[kind]?.count ?? 0) + 1 : 1;
        try {
            sessionStorage.setItem(KEY, JSON.stringify({...all, [kind]: {at: Date.now(), count, ...more}}));
        } catch {
            return performance.now() > MINUTE; // at most once a minute
        }
        return true;
    }

    function isAllowed(kind) {
        const {at, count} = remembered()[kind] ?? {};
        const since = Date.now() - at; // negative if the clock was set back
        return at === undefined || since < 0 || since > Math.min(FIRST * 2 ** (count - 1), MOST);
    }

    // The release that this tab has just left, which some servers may still run.
    function isLeft(code) {
        const {at, left} = remembered().release ?? {};
        return left === code && Math.abs(Date.now() - at) < MOST;
    }

    async function page() {
        const headers = {Accept: "text/html", "X-Requested-With": "XMLHttpRequest"};
        const options = {cache: "no-store", redirect: "manual", headers};
        const response = await fetch(location.href, options);
        const parsed = response.ok && new DOMParser().parseFromString(await response.text(), "text/html");
        const code = parsed && parsed.querySelector('meta[name="code-version"]')?.content;
        return {status: response.status, code: code || null};
    }

    async function look(decide) {
        if (looking || performance.now() < tryAfter) return;
        looking = true;
        try {
            const found = await page();
            if (!held && decide(found)) location.reload();
        } catch {
            // Unreachable: try again.
        }
        looking = false;
        tryAfter = performance.now() + wait;
        wait = Math.min(2 * wait, MINUTE);
    }

    // The server has another release. With several servers, the page may still come from an old
    // one; then wait for the next poll.
    function renew(code) {
        const mine = document.querySelector('meta[name="code-version"]').content;
        if (code === mine) {
            wait = 1000;
            return;
        }
        if (isLeft(code) || !isAllowed("release")) return;
        const isNew = (found) => found.code && found.code !== mine && !isLeft(found.code);
        look((found) => isNew(found) && remember("release", {left: mine}));
    }

    // A page whose address contains a password, as in http://ann:password@host/, may not fetch anything.
    // The browser has logged in with it by now.
    function leavePassword() {
        const address = new URL(document.baseURI);
        if (!address.username && !address.password) return;
        address.username = address.password = "";
        location.replace(address.href);
    }

    // A login form is shown only if the page is loaded.
    function logIn() {
        if (isAllowed("login")) look((found) => found.status < 500 && remember("login"));
    }

    // A page that is being left must not be loaded again.
    function hold(isHeld) {
        held = isHeld;
    }

    // If the server stops while the page is loading, scripts are missing, and the page stays empty.
    function watchScripts() {
        const complete = () => isAllowed("script") && look((found) => found.status === 200 && remember("script"));
        const isOurs = ({tagName, src}) => tagName === "SCRIPT" && src.startsWith(location.origin);
        const missed = ({target}) => isOurs(target) && setInterval(complete, 1000);
        addEventListener("error", missed, {capture: true}); // these events do not bubble
    }

    leavePassword();
    watchScripts();
    const reload = {renew, logIn, hold};
    window.dash_clientside = Object.assign({}, window.dash_clientside, {reload});
})();
