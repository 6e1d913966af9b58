// Starts the WebAssembly client, and says in words why if it cannot.
(() => {
  'use strict';

  const program = document.currentScript.dataset.program || '/client.wasm';

  // The theme that was chosen is set before the first paint.
  try {
    const theme = localStorage.getItem('vitrine.theme');
    if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
  } catch { /* storage may be forbidden; the system's theme is a fine one */ }

  function say(key) {
    const all = JSON.parse(document.getElementById('catalogue').textContent);
    const lang = document.documentElement.lang;
    const place = document.getElementById('boot');
    place.textContent = (all[lang] || all.en)[key].other;
    place.hidden = false;
  }

  async function start() {
    if (typeof WebAssembly !== 'object') return say('boot.no_wasm');
    let instance, go;
    try {
      go = new Go();
      const response = fetch(program);
      ({ instance } = WebAssembly.instantiateStreaming
        ? await WebAssembly.instantiateStreaming(response, go.importObject)
        : await WebAssembly.instantiate(await (await response).arrayBuffer(), go.importObject));
    } catch (err) {
      console.error(err);
      return say('boot.failed');
    }
    // The client runs as long as the page; an end is a fault.
    try {
      await go.run(instance);
    } catch (err) {
      console.error(err);
    }
    say('boot.ended');
  }

  document.addEventListener('DOMContentLoaded', start);
})();
