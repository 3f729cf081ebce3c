// Load symptoms.js when somebody uses the field: it is larger than the page.
{
  const box = document.getElementById("symptom");
  const field = box.querySelector("textarea");
  const { src: at } = document.currentScript;
  let loading;
  const load = () =>
    (loading ??= new Promise((onload, onerror) => {
      const src = new URL(`symptoms.js?v=${box.dataset.version}`, at).href;
      document.head.append(Object.assign(document.createElement("script"), { src, onload, onerror }));
    }));
  for (const event of ["focus", "input"]) field.addEventListener(event, load);
  // A browser may restore what you typed before.
  addEventListener("pageshow", () => field.value && load());
  // The tests read many texts: symptoms.js replaces these two.
  for (const name of ["read", "written"]) box[name] = (...given) => load().then(() => box[name](...given));
}
