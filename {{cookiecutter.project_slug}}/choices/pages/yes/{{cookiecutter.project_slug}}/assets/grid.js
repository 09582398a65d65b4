// Renders a table's cells without a memory leak: AG Grid's own renderer records each update in
// which a cell's text stayed the same, which adds up over months.
(function () {
    const functions = (window.dashAgGridComponentFunctions ??= {});
    functions.Text = (props) => props.value ?? null;
})();
