// Replaces storage that the browser blocks, as it does in a frame on another site: without one Dash
// draws nothing. It ends with the page, and so do the viewer's choices.
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
