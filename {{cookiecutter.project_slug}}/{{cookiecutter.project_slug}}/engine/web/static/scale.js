// Sets `--scale`, by which the style sheets enlarge the page on a screen beyond 1920 x 1000 pixels,
// up to double: an office screen is read from afar. With `?kiosk` in the address, the page shows
// only what works without a mouse, and shrinks in a small window, because it cannot be scrolled.
(function () {
    const root = document.documentElement, WIDTH = 1920, HEIGHT = 1000, MOST = 2, LEAST = 0.6;
    const isKiosk = new URLSearchParams(location.search).has("kiosk");

    function fit() {
        // Zooming with the browser changes the inner size: the scale would cancel it out. In a frame,
        // the outer size is that of the whole window.
        const [width, height] =
            window === window.top ? [outerWidth, outerHeight] : [innerWidth, innerHeight];
        const room = Math.min(width / WIDTH, height / HEIGHT);
        // An upright window is high enough, and cards wrap in it.
        const shrinks = isKiosk && width > height;
        const scale = Math.max(shrinks ? LEAST : 1, Math.min(room, MOST));
        root.style.setProperty("--scale", scale);
        root.toggleAttribute("data-scaled", scale !== 1);
    }

    fit();
    window.addEventListener("resize", fit);
    root.toggleAttribute("data-kiosk", isKiosk);
})();
