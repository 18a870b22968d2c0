"use strict";
(() => {
  const all = JSON.parse(document.getElementById("data").textContent);
  const search = document.getElementById("search");
  const order = document.getElementById("order");
  const list = document.getElementById("list");
  const place = document.getElementById("latent");

  // Text of others only ever becomes a text node.
  function add(parent, tag, text, kind) {
    const made = document.createElement(tag);
    if (text !== undefined) made.textContent = text;
    if (kind) made.className = kind;
    parent.append(made);
    return made;
  }

  const percent = (x) => (100 * x).toPrecision(2).replace(/e.*/, "") + "%";
  const number = (x) => (Math.abs(x) >= 100 ? x.toFixed(0) : x.toPrecision(3));
  const signed = (x) => (x < 0 ? "\u2212" : "+") + number(Math.abs(x));
  const best = (one) => (one.top.length ? strongest(one.top[0]) : "never fires here");

  function strongest(example) {
    return example.tokens[example.values.indexOf(Math.max(...example.values))];
  }

  for (const one of all) {
    const examples = [...one.top, ...one.others].map((example) => example.tokens.join(""));
    const effect = one.effect || { promotes: [], demotes: [] };
    const tokens = [...effect.promotes, ...effect.demotes].map(([token]) => token);
    one.text = [String(one.latent), one.note, ...tokens, ...examples].join("\n").toLowerCase();
  }

  function histogram(parent, one) {
    const most = Math.max(...one.histogram, 1);
    const bars = add(parent, "div", undefined, "histogram");
    bars.setAttribute("role", "img");
    bars.setAttribute("aria-label", `Activations from 0 to ${number(one.strongest)}; tallest bar ${most} tokens`);
    one.histogram.forEach((count, i) => {
      const bar = add(bars, "span");
      bar.style.height = count ? Math.max(2, (100 * count) / most) + "%" : "0";
      const width = one.strongest / one.histogram.length;
      bar.title = `${number(i * width)} to ${number((i + 1) * width)}: ${count} tokens`;
    });
    const scale = add(parent, "div", undefined, "scale");
    add(scale, "span", "0");
    add(scale, "span", `tokens by activation, the tallest bar ${most.toLocaleString("en")}`);
    add(scale, "span", number(one.strongest));
  }

  function shaded(parent, example, top) {
    const line = add(parent, "p", undefined, "example");
    example.tokens.forEach((token, i) => {
      const value = example.values[i];
      const piece = add(line, "span", token.replace(/\n/g, "\u23ce\n"));
      if (value > 0) {
        piece.className = "on";
        piece.style.backgroundColor = `color-mix(in srgb, var(--shade) ${Math.round(15 + (80 * value) / top)}%, transparent)`;
        piece.title = number(value);
      }
    });
    add(line, "small", `text ${example.document + 1}`);
  }

  function tokens(parent, title, pairs) {
    const box = add(parent, "section");
    add(box, "h3", title);
    const table = add(box, "table");
    for (const [token, value] of pairs) {
      const row = add(table, "tr");
      add(add(row, "td"), "code", token);
      add(row, "td", signed(value));
    }
  }

  function effect(parent, one) {
    add(parent, "h2", "What it does");
    if (!one.effect) {
      add(parent, "p", "It never fires before the end of a text here, so nothing was ablated.");
      return;
    }
    const e = one.effect;
    const where = e.places === 1 ? "one of its strongest tokens" : `${e.places} of its strongest tokens, one at a time`;
    add(
      parent,
      "p",
      `Ablated at ${where}, the loss of the next tokens changes by ${signed(e.loss)} nats a token, ` +
        `and their distribution by a KL divergence of ${number(e.kl)}.`
    );
    const both = add(parent, "div", undefined, "both");
    tokens(both, "Promotes (logit with it less without)", e.promotes);
    tokens(both, "Demotes", e.demotes);
  }

  function draw(one) {
    place.replaceChildren();
    add(place, "h2", `Latent ${one.latent}`, "name");
    if (one.note) add(place, "p", one.note, "note");
    add(
      place,
      "p",
      one.top.length
        ? `Fires at ${percent(one.density)} of the tokens; its mean there is ${number(one.mean)}, ` +
            `the strongest ${number(one.strongest)}.`
        : "It never fires on this text."
    );
    if (one.top.length) histogram(place, one);
    effect(place, one);
    for (const [title, examples] of [["Strongest examples", one.top], ["Other examples, at random", one.others]]) {
      if (examples.length) add(place, "h2", title);
      for (const example of examples) shaded(place, example, one.strongest);
    }
    for (const entry of list.children) {
      const chosen = entry.dataset.latent === String(one.latent);
      entry.firstChild.setAttribute("aria-current", chosen);
    }
  }

  const measures = {
    density: (one) => one.density,
    strongest: (one) => one.strongest,
    loss: (one) => (one.effect ? one.effect.loss : -Infinity),
  };

  function enlist() {
    const wanted = search.value.trim().toLowerCase();
    const found = all.filter((one) => wanted === "" || one.text.includes(wanted));
    const measure = measures[order.value];
    if (measure) found.sort((a, b) => measure(b) - measure(a));
    list.replaceChildren();
    for (const one of found) {
      const entry = add(list, "li");
      entry.dataset.latent = one.latent;
      const link = add(entry, "a");
      link.href = `#${one.latent}`;
      add(link, "b", String(one.latent));
      add(link, "code", best(one));
      add(link, "small", percent(one.density));
    }
    document.getElementById("found").textContent = `${found.length} of ${all.length} shown`;
    return found;
  }

  function go() {
    const wanted = decodeURIComponent(location.hash.slice(1));
    const [kind, ...rest] = wanted.split("=");
    if (kind === "find") search.value = rest.join("=");
    const found = enlist();
    const one = all.find((each) => String(each.latent) === wanted) || found[0];
    if (one) draw(one);
  }

  search.addEventListener("input", enlist);
  order.addEventListener("change", enlist);
  addEventListener("hashchange", go);
  go();
})();
