import assert from "node:assert/strict";
import { type Bundle, type Outcome, Sandbox } from "./sandbox.ts";

/** Width and height of a bundle's PNG. */
function pngSize(bundle: Bundle | undefined): [number, number] {
  const bytes = Uint8Array.fromBase64(String(bundle?.data["image/png"]));
  const view = new DataView(bytes.buffer);
  return [view.getUint32(16), view.getUint32(20)];
}

function imagesOf(bundle: Bundle | undefined): string[] {
  return Object.keys(bundle?.data ?? {}).filter((mime) => mime.startsWith("image/"));
}

function textOf(bundle: Bundle | undefined): string {
  return String(bundle?.data["text/plain"]);
}

Deno.test("what cells show fits its readers", async (t) => {
  await using sandbox = await Sandbox.start({ preload: ["numpy", "pandas", "matplotlib.pyplot"] });
  await sandbox.state("idle");
  async function run(...lines: string[]): Promise<Outcome> {
    const cell = await sandbox.cell(lines.join("\n"));
    assert.equal(cell.result.status, "ok", cell.error?.traceback ?? "");
    return cell;
  }
  await run("import matplotlib.pyplot as plt, numpy as np, pandas as pd, io", "from PIL import Image");

  await t.step("a figure in which nothing was drawn is not shown", async () => {
    const saved = await run("plt.plot([1, 2]); plt.show(); plt.savefig('/workspace/x.png')");
    assert.equal(saved.displays.length, 1);
    assert.equal((await run("plt.figure(); None")).displays.length, 0);
  });

  await t.step("a large figure is drawn with fewer dots, and says so", async () => {
    const [shown] = (await run("plt.figure(figsize=(40, 20)); plt.plot([1, 2]); plt.show()")).displays;
    const [width, height] = pngSize(shown);
    assert(width <= 1568 && width > 1200 && height <= 1568, `${width} x ${height}`);
    assert.match(textOf(shown), /drawn at \d+ x \d+ pixels instead of 3\d\d\d x 1\d\d\d/);
  });

  await t.step("a picture is sent once, small enough, as JPEG where PNG is much larger", async () => {
    const small = await run("Image.new('RGB', (200, 100), 'red')");
    const value = small.events.find(({ type }) => type === "result")?.["data"];
    assert.deepEqual(Object.keys(Object(value)).filter((mime) => mime.startsWith("image/")), ["image/png"]);
    const [large] = (await run("display(Image.new('RGB', (4000, 1000), 'red'))")).displays;
    assert.deepEqual(pngSize(large), [1568, 392]);
    assert.match(textOf(large), /scaled from 4000 x 1000 to 1568 x 392 pixels/);
    const [noise] = (await run(
      "display(Image.fromarray(np.random.default_rng(0).integers(0, 255, (900, 900, 3), 'uint8')))",
    )).displays;
    assert.deepEqual(imagesOf(noise), ["image/jpeg"]);
    assert(Uint8Array.fromBase64(String(noise?.data["image/jpeg"])).length <= 1 << 20);
    const [gif] = (await run(
      "from IPython.display import Image as Shown",
      "buffer = io.BytesIO(); Image.new('P', (20, 20)).save(buffer, 'GIF'); display(Shown(buffer.getvalue(), format='gif'))",
    )).displays;
    assert.deepEqual(imagesOf(gif), ["image/gif"]);
  });

  await t.step("formats that a cell asks for lose and double no figure", async () => {
    for (
      const asking of [
        "%config InlineBackend.figure_format='svg'",
        "%config InlineBackend.figure_format='retina'",
        "import matplotlib_inline; matplotlib_inline.backend_inline.set_matplotlib_formats('png')",
        "%matplotlib inline",
      ]
    ) {
      const first = await run(asking, "plt.plot([1, 2]); plt.show()");
      const next = await run("fig, ax = plt.subplots(); ax.plot([3]); plt.show()");
      assert.deepEqual([first.displays.length, next.displays.length], [1, 1], asking);
      assert.deepEqual(imagesOf(next.displays[0]), ["image/png"], asking);
    }
  });

  await t.step("of cleared output the last is shown", async () => {
    const cell = await run(
      "from IPython.display import clear_output",
      "for n in range(4):\n    clear_output(wait=True)\n    plt.plot([n]); plt.title(f'frame {n}'); plt.show()",
    );
    assert.deepEqual(cell.displays.map((shown) => /frame \d/.exec(textOf(shown))?.[0]), ["frame 3"]);
    const after = await run("for n in range(3):\n    display(n); clear_output(wait=True)");
    assert.deepEqual(after.displays.map(textOf), ["0", "2"]);
  });

  await t.step("%%capture captures figures", async () => {
    const captured = await run("%%capture out\nplt.plot([1]); plt.show(); plt.plot([2]); print('x')");
    assert.deepEqual([captured.displays.length, captured.stdout], [0, ""]);
    const shown = await run("print(len(out.outputs)); out.show()");
    assert.deepEqual([shown.stdout, shown.displays.length], ["2\nx\n", 2]);
  });

  await t.step("a missing glyph is warned of once", async () => {
    const cell = await run("plt.plot([1]); plt.title('\\U0001F9EC'); plt.show()");
    assert.equal(cell.stderr.match(/Glyph 129516/g)?.length, 1, cell.stderr);
  });

  await t.step("figures come with words", async () => {
    const [shown] = (await run(
      "fig, (a, b, c) = plt.subplots(1, 3)",
      "a.plot(range(100), label='rising'); a.set_title('Lines'); a.set_xlabel('days')",
      "b.bar(['x', 'y'], [3, 5]); fig.canvas.draw()",
      "c.imshow(np.arange(12).reshape(3, 4)); plt.show()",
    )).displays;
    const text = textOf(shown);
    assert.match(text, /<Figure of 3 axes>\naxes 1, 'Lines', x 'days' /);
    assert.match(text, /line 'rising': 100 points, \(0, 0\) \(1, 1\) … .* \(99, 99\)/);
    assert.match(text, /bars: x: 3, y: 5/);
    assert.match(text, /image: 3 x 4 values from 0 to 11/);
  });

  await t.step("HTML, LaTeX and SVG have a text that a reader can use", async () => {
    const cell = await run(
      "from IPython.display import HTML, Latex, SVG",
      "display(HTML('<style>x</style><table><tr><th>name</th><th>n</th></tr><tr><td>a</td><td>12</td></tr></table>'))",
      'display(Latex(\'$x^2$\')); display(SVG(\'<svg xmlns="http://www.w3.org/2000/svg" width="30" height="20"></svg>\'))',
    );
    assert.deepEqual(cell.displays.slice(0, 2).map(textOf), ["name  n\na     12", "$x^2$"]);
    assert.match(textOf(cell.displays[2]), /^\[SVG of 30 x 20, \d+ characters/);
  });

  await t.step("plotly and altair charts come as words, altair's as a picture too", async () => {
    const plotly = await run(
      "import plotly.express as px, plotly.graph_objects as go",
      "px.scatter(x=[1, 2, 3], y=[4, 5, 6], title='Rising').show(); go.Figure(go.Bar(x=['a', 'b'], y=[1, 2]))",
    );
    assert.match(textOf(plotly.displays[0]), /^<plotly figure of 1 traces> title 'Rising', x 'x', y 'y'\n/);
    assert.match(textOf(plotly.displays[0]), /scatter: 3 points, \(1, 4\) \(2, 5\) \(3, 6\)/);
    assert.match(
      textOf(plotly.displays[1] ?? undefined) + (plotly.value ?? ""),
      /bar: 2 points, \(a, 1\) \(b, 2\)/,
    );
    const altair = await run(
      "import altair as alt",
      "display(alt.Chart(pd.DataFrame({'a': [1, 2], 'b': [4, 5]}), title='Points').mark_point().encode(x='a', y='b'))",
    );
    assert.match(textOf(altair.displays[0]), /^<Vega-Lite point> title 'Points' x: a, y: b\n {2}2 rows: /);
    assert.deepEqual(imagesOf(altair.displays[0]), ["image/png"]);
  });

  await t.step("a DataFrame has its shape and dtypes", async () => {
    const cell = await run("pd.DataFrame({'a': range(1000), 'b': 'x'})");
    assert.doesNotMatch(cell.value ?? "", /1000 rows x 2 columns\]/);
    const styled = await run("pd.DataFrame({'a': [1], 'b': ['x']}).style");
    assert.match(styled.value ?? "", /a +b\n0? *1 +x/);
    assert.match(cell.value ?? "", /\[1000 rows x 2 columns; dtypes: a int64, b object\]$/);
  });
});
