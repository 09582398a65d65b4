// Updates in place the children that a view returns: Dash would replace all elements, even equal
// ones, and the viewer's selected text would be lost with each update.
(function () {
    const same = (a, b) => a === b || JSON.stringify(a) === JSON.stringify(b);
    const isComponent = (it) => typeof it?.namespace === "string" && typeof it.type === "string";
    const hasId = (it) => JSON.stringify(it ?? null).includes('"id":');
    const isTree = (it) => isComponent(it) || (Array.isArray(it) && it.every(isComponent));

    // Collects the changes that turn one into the other; returns false if Dash has to do it.
    function compare(path, now, next, found) {
        if (same(now, next)) return true;
        if (Array.isArray(now) && Array.isArray(next)) {
            if (now.length !== next.length || !isTree(now) || !isTree(next)) return false;
            return next.every((it, at) => compare([...path, at], now[at], it, found));
        }
        if (!isComponent(now) || !isComponent(next)) return false;
        if (now.type !== next.type || now.namespace !== next.namespace) return false;
        if (!same(now.props.id, next.props.id)) return false;
        if (Object.keys(now.props).some((name) => !(name in next.props))) return false;
        const own = {};
        for (const [name, value] of Object.entries(next.props)) {
            const before = now.props[name];
            if (same(before, value)) continue;
            const inner = [];
            if (name === "children" && compare([...path, "props", name], before, value, inner)) {
                found.push(...inner);
            } else if (hasId(before) || hasId(value)) {
                return false; // it may have callbacks, which Dash must call
            } else {
                own[name] = value;
            }
        }
        if (Object.keys(own).length) found.push([next.props.id ?? path, own]);
        return true;
    }

    // A table's rows, if they are unchanged: AG Grid keeps a record of each update, even an empty one.
    const rows = new Map(); // by id: the last rows, and the request for them
    function isKnown(id, props, asked) {
        if (!props.getRowsResponse) return false;
        const now = JSON.stringify([props, asked.inputs.filter((it) => it.id !== "snapshot-version")]);
        const known = rows.get(id) === now && same(asked.changedPropIds, ["snapshot-version.data"]);
        rows.set(id, now);
        return known;
    }

    function dropEqual(id, props, name) {
        const now = window.dash_component_api?.getLayout(id)?.props?.[name];
        if (props[name] !== undefined && same(now, props[name])) delete props[name];
    }

    async function answer(response, asked) {
        const text = await response.text(), {status, headers} = response;
        const whole = () => new Response(text, {status, headers});
        if (!/"(children|getRowsResponse|options)"/.test(text)) return whole();
        const said = JSON.parse(text);
        for (const [id, props] of Object.entries(said.response ?? {})) {
            if (isKnown(id, props, asked)) delete said.response[id];
            dropEqual(id, props, "options"); // an open list keeps its place
            if (!Object.keys(props).length) delete said.response[id];
            if (props.children === undefined || id.startsWith("{")) continue;
            const path = window.dash_clientside.internals.path(id), found = [];
            const now = window.dash_component_api?.getLayout(id)?.props?.children;
            if (!path || now === undefined || now === null) continue;
            if (!compare([...path, "props", "children"], now, props.children, found)) continue;
            delete props.children;
            if (!Object.keys(props).length) delete said.response[id];
            for (const [where, own] of found) window.dash_clientside.set_props(where, own);
        }
        return new Response(JSON.stringify(said), {status, headers});
    }

    const in_place = {answer};
    window.dash_clientside = Object.assign({}, window.dash_clientside, {in_place});
})();
