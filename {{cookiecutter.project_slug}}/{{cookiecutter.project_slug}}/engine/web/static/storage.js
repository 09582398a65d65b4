// Replaces storage that the browser blocks, as in a frame on another site: without storage, Dash
// draws nothing. The replacement, and with it the viewer's choices, lasts as long as the page.
(function () {
    function memory() {
        const items = new Map();
        return {
            get length() { return items.size; },
            key: (at) => [...items.keys()][at] ?? null,
            getItem: (key) => items.get(String(key)) ?? null,
            setItem: (key, value) => void items.set(String(key), String(value)),
            removeItem: (key) => void items.delete(String(key)),
            clear: () => items.clear(),
        };
    }

    function works(name) {
        try {
            window[name].setItem("storage", "works");
            window[name].removeItem("storage");
            return true;
        } catch {
            return false;
        }
    }

    for (const name of ["localStorage", "sessionStorage"]) {
        if (!works(name)) Object.defineProperty(window, name, {value: memory(), configurable: true});
    }
})();
