// Keeps a viewer's choices in the address, as in ?series=a&series=b&window=1h, so that a copied link
// shows the same view. Choices are inputs of views that have options; defaults are left out.
(function () {
    const LONGEST = 4000; // characters; gunicorn and proxies reject longer addresses
    const SPAN = /^[1-9]\d{0,3}(ms|s|m|h|d)$/;
    const dash = () => window.dash_clientside;
    const defaults = new Map(); // by id: the value in the page as the server sends it
    const unwritten = new Map(); // by id: a value that is too long for the address
    let path = location.pathname;
    let hasData = false; // whether the options that the server sends follow data
    let isPending = false; // whether the address names something that only the first data may offer
    let first = null; // what would have been the address until then

    function ids() {
        const listed = document.querySelector('meta[name="choices"]')?.content;
        return listed ? JSON.parse(listed) : [];
    }

    const props = (id) => window.dash_component_api?.getLayout(id)?.props;
    const list = (value) => [value ?? []].flat();
    // pages/selection.py inserts an invisible character.
    const plain = (value) => String(value).replace(/(__proto)\u2060(?=__)/gi, "$1");

    // The option that a text in the address stands for, if it is offered.
    function option(id, options, text) {
        const offered = Array.isArray(options) ? options.map((it) => it?.value ?? it) : Object.keys(options);
        const found = offered.find((it) => plain(it) === text);
        if (found !== undefined) return found;
        const isTime = id === "window" && (dash().zoom.isRange(text) || (!hasData && SPAN.test(text)));
        return isTime ? text : undefined;
    }

    // What the address chooses, or the default if it chooses nothing that is offered.
    function chosen({id, options, multi}, value) {
        if (unwritten.has(id)) return unwritten.get(id);
        const named = location.search.length > 2 * LONGEST ? "" : location.search;
        const texts = new Set(new URLSearchParams(named).getAll(id));
        const found = [...texts].map((it) => option(id, options, it)).filter((it) => it !== undefined);
        isPending ||= !hasData && found.length < texts.size;
        if (!found.length) return value;
        return multi || Array.isArray(value) ? found : found[0];
    }

    // Puts the choices into components before Dash renders them, so that nothing is fetched twice.
    function fill(components) {
        for (const it of list(components)) {
            if (it?.props?.id === "snapshot-version") hasData = it.props.data != null;
            if (it?.props?.options && ids().includes(it.props.id)) {
                defaults.set(it.props.id, it.props.value);
                it.props.value = chosen(it.props, it.props.value);
            }
            if (it?.props?.children) fill(it.props.children);
        }
    }

    async function filled(response) {
        if (!response.ok) return response;
        const said = await response.json(), {status, headers} = response;
        fill(said.response ? Object.values(said.response).map((it) => it.children) : said);
        return new Response(JSON.stringify(said), {status, headers});
    }

    // The query of the page's address; parameters that are not choices on this page are kept.
    function query(values) {
        const here = ids().filter((id) => defaults.has(id) && props(id));
        const isOther = (it) => it && !here.includes([...new URLSearchParams(it).keys()][0]);
        const parts = location.search.slice(1).split("&").filter(isOther);
        unwritten.clear();
        for (const id of here) {
            const value = values[ids().indexOf(id)], texts = list(value).map(plain);
            if (texts.join("\n") === list(defaults.get(id)).map(plain).join("\n")) continue;
            const own = String(new URLSearchParams(texts.map((it) => [id, it])));
            if (parts.join("&").length + own.length > LONGEST) unwritten.set(id, value);
            else if (own) parts.push(own.replaceAll("%2F", "/").replaceAll("%3A", ":"));
        }
        return parts.length ? `?${parts.join("&")}` : "";
    }

    function write(...values) {
        const now = query(values);
        if (isPending && now === (first ??= now)) return;
        isPending = false; // the viewer has chosen something else
        if (now !== location.search) {
            history.replaceState(history.state, "", location.pathname + now + location.hash);
        }
    }

    // Another page's layout is filled when it arrives.
    function goBack() {
        unwritten.clear();
        const same = path === location.pathname;
        path = location.pathname;
        for (const id of same ? [...defaults.keys()].filter(props) : []) {
            const value = chosen(props(id), defaults.get(id));
            if (String(value) !== String(props(id).value)) dash().set_props(id, {value});
        }
    }

    // Chooses what only the first data offer, once their options have arrived.
    function settle() {
        if (!isPending) return;
        [isPending, hasData] = [false, true];
        goBack();
        write(...ids().map((id) => props(id)?.value));
    }

    // A link to another page takes the choices along.
    const push = history.pushState.bind(history);
    history.pushState = function (state, title, url) {
        const to = new URL(url ?? "", document.baseURI);
        if (to.origin === location.origin) to.search ||= location.search;
        push(state, title, url && to.href);
        path = location.pathname;
    };
    addEventListener("popstate", goBack);

    const address = {filled, option, plain, settle, write};
    window.dash_clientside = Object.assign({}, window.dash_clientside, {address});
})();
