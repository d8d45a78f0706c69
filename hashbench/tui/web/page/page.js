// Keys belong to the workbench without a click on it first, as soon as it is there: before the
// socket is open, textual.js could not tell anybody of the focus.
function focusTerminal() {
  if (document.body.classList.contains("-first-byte")) {
    document.querySelector(".xterm-helper-textarea")?.focus();
  }
}
window.addEventListener("load", () => {
  new MutationObserver(focusTerminal).observe(document.body, { attributeFilter: ["class"] });
});
window.addEventListener("focus", focusTerminal);
