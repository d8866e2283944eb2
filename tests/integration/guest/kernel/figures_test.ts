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

Deno.test("displays of cells are small enough and have text", async (t) => {
  await using sandbox = await Sandbox.start({ preload: ["numpy", "pandas", "matplotlib.pyplot"] });
  await sandbox.state("idle");
  async function run(...lines: string[]): Promise<Outcome> {
    const cell = await sandbox.cell(lines.join("\n"));
    assert.equal(cell.result.status, "ok", cell.error?.traceback ?? "");
    return cell;
  }
  await run("import matplotlib.pyplot as plt, numpy as np, pandas as pd, io", "from PIL import Image");

  await t.step("an empty figure is not shown", async () => {
    const saved = await run("plt.plot([1, 2]); plt.show(); plt.savefig('/workspace/x.png')");
    assert.equal(saved.displays.length, 1);
    assert.equal((await run("plt.figure(); None")).displays.length, 0);
  });

  await t.step("a large figure is drawn at a lower resolution, which its text states", async () => {
    const [shown] = (await run("plt.figure(figsize=(40, 20)); plt.plot([1, 2]); plt.show()")).displays;
    const [width, height] = pngSize(shown);
    assert(width <= 1568 && width > 1200 && height <= 1568, `${width} x ${height}`);
    assert.match(textOf(shown), /drawn at \d+ x \d+ pixels instead of 3\d\d\d x 1\d\d\d/);
  });

  await t.step("a picture is sent once, scaled down, as JPEG if PNG is much larger", async () => {
    const small = await run("Image.new('RGB', (200, 100), 'red')");
    const value = small.events.find(({ type }) => type === "execute_result")?.["data"];
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

  await t.step("with formats that a cell selects, each figure is shown exactly once", async () => {
    for (
      const asking of [
        "%config InlineBackend.figure_format='svg'",
        "%config InlineBackend.figure_format='retina'",
        "%config InlineBackend.figure_formats = ['svg', 'retina']",
        "import matplotlib_inline; matplotlib_inline.backend_inline.set_matplotlib_formats('png')",
        "%matplotlib inline",
      ]
    ) {
      const first = await run(asking, "plt.plot([1, 2]); plt.show()");
      const next = await run("fig, ax = plt.subplots(); ax.plot([3]); plt.show()");
      assert.deepEqual([first.displays.length, next.displays.length], [1, 1], asking);
      assert.equal(first.stderr, "", asking);
      assert.deepEqual(imagesOf(next.displays[0]), ["image/png"], asking);
    }
  });

  await t.step("after clear_output() only the last display is shown", async () => {
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

  await t.step("a missing glyph causes one warning", async () => {
    const cell = await run("plt.plot([1]); plt.title('\\U0001F9EC'); plt.show()");
    assert.equal(cell.stderr.match(/Glyph 129516/g)?.length, 1, cell.stderr);
  });

  await t.step("figures have a description in words", async () => {
    const [shown] = (await run(
      "fig, (a, b, c) = plt.subplots(1, 3)",
      "a.plot(range(100), label='rising'); a.set_title('Lines'); a.set_xlabel('days')",
      "b.bar(['x', 'y'], [3, 5]); fig.canvas.draw()",
      "c.imshow(np.arange(12).reshape(3, 4)); plt.show()",
    )).displays;
    const text = textOf(shown);
    assert.match(text, /<Figure of 3 Axes>\naxes 1, 'Lines', x 'days' /);
    assert.match(text, /line 'rising': 100 points from 0 to 99, \(0, 0\) … \(16, 16\) … .* \(99, 99\)/);
    assert.match(text, /bars: x: 3, y: 5/);
    assert.match(text, /image: 3 x 4 values from 0 to 11/);
  });

  await t.step(
    "the description covers dates, pies, boxes and texts, and samples a million points",
    async () => {
      const cell = await run(
        "days = pd.date_range('2020-01-01', periods=366)",
        "plt.plot(days, range(366)); plt.show()",
        "pd.Series(range(366), days).plot(); plt.show()",
        "plt.bar(days[:3], [4, 5, 6]); plt.show(); plt.scatter(days, range(366)); plt.show()",
        "plt.pie([1, 3], labels=['women', 'men'], autopct='%d%%'); plt.show()",
        "plt.boxplot([[1, 2, 3, 4, 50], [2, 3, 4]], tick_labels=['a', 'b']); plt.show()",
        "import seaborn as sns; sns.boxplot(x=['u', 'u', 'u', 'v'], y=[1, 2, 6, 5]); plt.show()",
        "fig = plt.figure(); fig.text(0.5, 0.5, 'no data'); plt.show()",
        "plt.scatter(np.arange(1e6), np.arange(1e6)); plt.show()",
        "plt.plot(range(366), days); plt.show(); plt.plot(range(366), days.astype('datetime64[s]')); plt.show()",
        "plt.scatter(range(366), days); plt.show();",
      );
      const [line, series, bars, scatter, pie, boxes, seaborn, bare, million, ...dated] = cell.displays.map(
        textOf,
      );
      assert.equal(dated.length, 3);
      for (const text of dated) {
        assert.match(text, /366 points from 2020-01-01 to 2020-12-31, \(0, 2020-01-01\) … /);
      }
      assert.match(line ?? "", /line: 366 points from 0 to 365, \(2020-01-01, 0\) … .* \(2020-12-31, 365\)/);
      assert.match(line ?? "", /x 2019-12-\d\d[^.]*\.\./);
      assert.match(series ?? "", /x 2020-01-01\.\.2020-12-31/);
      assert.match(bars ?? "", /bars: 2020-01-01: 4, 2020-01-02: 5, 2020-01-03: 6/);
      assert.match(scatter ?? "", /scatter: 366 points from 0 to 365, \(2020-01-01, 0\)/);
      assert.match(pie ?? "", /pie: women 25 %, men 75 %/);
      assert.match(boxes ?? "", /boxes: a median 3, quartiles 2..4, whiskers 1..4, 1 outlier; b median 3/);
      assert.doesNotMatch(boxes ?? "", /line/);
      assert.match(seaborn ?? "", /boxes: u median 2, quartiles 1.5..4, .*; v median 5/);
      assert.match(bare ?? "", /texts: no data/);
      assert.match(
        million ?? "",
        /scatter: 1000000 points from 0 to 1e\+06, \(0, 0\) … .* … \(1e\+06, 1e\+06\)/,
      );
    },
  );

  await t.step("the description covers legends, ticks, depth, cells and areas", async () => {
    const cell = await run(
      "plt.plot([1, 2]); plt.plot([2, 1]); plt.legend(['up', 'down']); plt.show()",
      "plt.hist([[1, 2], [2, 2]], label=['A', 'B']); plt.show()",
      "plt.scatter([1], [2]); plt.yticks([2, 3], ['low', 'high']); plt.show()",
      "ax = plt.figure().add_subplot(projection='3d'); ax.scatter([10, 20], [40, 50], [70, 80]); ax.set_zlabel('height'); plt.show()",
      "plt.hexbin([1, 1, 2], [1, 1, 2], gridsize=4); plt.show()",
      "plt.fill_between([1, 2, 3], [4, 5, 6]); plt.hlines([5], 1, 3); plt.show()",
      "plt.errorbar([1, 2], [3, 4], yerr=[1, 1], label='mean'); plt.show()",
    );
    const [legend, hist, ticks, space, cells, area, bars] = cell.displays.map(textOf);
    assert.match(legend ?? "", /legend: up, down/);
    assert.match(hist ?? "", /bars 'A': .*\n {2}bars 'B': /);
    assert.match(ticks ?? "", /y [^ ]+ \(low, high\)/);
    assert.match(space ?? "", /z 'height' .*\n {2}scatter: 2 points, \(10, 40, 70\) \(20, 50, 80\)/);
    assert.match(cells ?? "", /\d+ cells with from 0 to 2|\d+ cells with from 1 to 2/);
    assert.match(area ?? "", /area: x 1\.\.3, y 0\.\.6\n {2}1 line segment/);
    assert.match(bars ?? "", /line 'mean'? ?with error bars|line.* with error bars: 2 points/);
    const plotly = await run(
      "import plotly.graph_objects as go",
      "go.Figure(go.Sankey(node={'label': ['a', 'b']}, link={'source': [0], 'target': [1], 'value': [8]})).show()",
      "go.Figure(go.Scatter3d(x=[1], y=[30], z=[500])).show(); go.Figure(go.Indicator(value=270)).show()",
      "go.Figure(go.Candlestick(x=['d'], open=[1], high=[4], low=[0], close=[2])).show()",
    );
    assert.match(textOf(plotly.displays[0]), /link\.source: 1 value, 0; .*node\.label: 2 values, a b/);
    assert.match(textOf(plotly.displays[1]), /\(1, 30, 500\)/);
    assert.match(textOf(plotly.displays[2]), /value: 270/);
    assert.match(textOf(plotly.displays[3]), /\(d, 1, 4, 0, 2\)/);
  });

  await t.step("a picture that is invalid or claims too many pixels is named and not sent", async () => {
    const cell = await run(
      "import struct, zlib",
      "from IPython.display import Image as Shown",
      "def chunk(name, data): return struct.pack('>I', len(data)) + name + data + struct.pack('>I', zlib.crc32(name + data))",
      "def bomb(side): return b'\\x89PNG\\r\\n\\x1a\\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', side, side, 1, 0, 0, 0, 0)) + chunk(b'IDAT', zlib.compress(bytes(1000))) + chunk(b'IEND', b'')",
      "display(Shown(bomb(24000), format='png')); display(Shown(bomb(12000), format='png'))",
      "display(Shown(b'\\x89PNG\\r\\n\\x1a\\n' + b'x' * 300, format='png'))",
      "buffer = io.BytesIO(); Image.new('RGB', (30, 20)).save(buffer, 'PNG'); display(Shown(buffer.getvalue()[:-30], format='png'))",
      "display({'image/jpeg': buffer.getvalue()}, raw=True)",
    );
    assert.deepEqual(cell.stderr, "");
    assert.deepEqual(cell.displays.slice(0, 4).map(imagesOf), [[], [], [], []]);
    assert.match(textOf(cell.displays[0]), /image\/png of 24000 x 24000 pixels, too large to be shown/);
    assert.match(textOf(cell.displays[2]), /not shown: it cannot be read/);
    assert.match(textOf(cell.displays[3]), /not shown: it cannot be read/);
    assert.deepEqual(imagesOf(cell.displays[4]), ["image/png"]);
  });

  await t.step("CJK labels have glyphs in every style", async () => {
    const cell = await run(
      "import seaborn as sns",
      "for style in (lambda: None, sns.set_theme, lambda: plt.rcParams.update({'font.family': 'serif'})):",
      "    style(); plt.bar(['高血圧', '糖尿病', '당뇨'], [1, 2, 3]); plt.title('患者', weight='bold'); plt.show()",
      "sns.reset_orig()",
    );
    assert.deepEqual([cell.displays.length, cell.stderr], [3, ""]);
    assert.match(textOf(cell.displays[1]), /bars: 高血圧: 1, 糖尿病: 2, 당뇨: 3/);
  });

  await t.step("updates of a display are merged", async () => {
    const cell = await run(
      "shown = display(0, display_id=True)",
      "for n in range(1, 6): shown.update(n)",
      "display('other')",
    );
    assert.deepEqual(cell.displays.map(textOf), ["'other'", "5"]);
    assert.deepEqual((await run("shown.update(6)")).displays.map(textOf), ["6"]);
  });

  await t.step("HTML, LaTeX and SVG have a readable text", async () => {
    const cell = await run(
      "from IPython.display import HTML, Latex, SVG",
      "display(HTML('<style>x</style><table><tr><th>name</th><th>n</th></tr><tr><td>a</td><td>12</td></tr></table>'))",
      'display(Latex(\'$x^2$\')); display(SVG(\'<svg xmlns="http://www.w3.org/2000/svg" width="30" height="20"></svg>\'))',
    );
    assert.deepEqual(cell.displays.slice(0, 2).map(textOf), ["name  n\na     12", "$x^2$"]);
    assert.match(textOf(cell.displays[2]), /^\[SVG of 30 x 20, \d+ characters/);
    const media = await run(
      "from IPython.display import Audio, IFrame, Video",
      "display(Audio(np.zeros(100), rate=100)); display(IFrame('page.html', 10, 10)); display(Video(url='v.mp4'))",
      "frame = pd.DataFrame({'n': [1, 2, 3]}, index=pd.MultiIndex.from_tuples([('a', 'x'), ('a', 'y'), ('b', 'x')]))",
      "display(HTML(frame.to_html()))",
    );
    assert.match(textOf(media.displays[0]), /^\[HTML with audio, \d+ characters: save it in \/workspace\]$/);
    assert.match(textOf(media.displays[1]), /HTML with iframe page\.html, /);
    assert.match(textOf(media.displays[2]), /HTML with video v\.mp4, /);
    assert.match(textOf(media.displays[3]), /\na {2}x {2}1\n {3}y {2}2\nb {2}x {2}3$/);
  });

  await t.step("plotly and altair charts have a description in words, altair's a picture too", async () => {
    const plotly = await run(
      "import plotly.express as px, plotly.graph_objects as go",
      "px.scatter(x=[1, 2, 3], y=[4, 5, 6], title='Rising').show(); go.Figure(go.Bar(x=['a', 'b'], y=[1, 2]))",
    );
    assert.match(textOf(plotly.displays[0]), /^<plotly figure of 1 trace> title 'Rising', x 'x', y 'y'\n/);
    assert.match(textOf(plotly.displays[0]), /scatter: 3 points, \(1, 4\) \(2, 5\) \(3, 6\)/);
    assert.match(
      textOf(plotly.displays[1] ?? undefined) + (plotly.value ?? ""),
      /bar: 2 points, \(a, 1\) \(b, 2\)/,
    );
    const more = await run(
      "go.Figure(go.Choropleth(locations=['FR', 'DE'], z=[1, 2])).show()",
      "go.Figure(go.Scattergeo(lon=[2], lat=[48])).show(); go.Figure(go.Heatmap(z=[[1, 2], [3, 4]])).show()",
    );
    assert.match(textOf(more.displays[0]), /choropleth: 2 points \(locations, z\), \(FR, 1\) \(DE, 2\)/);
    assert.match(textOf(more.displays[1]), /scattergeo: 1 point \(lon, lat\), \(2, 48\)/);
    assert.match(textOf(more.displays[2]), /heatmap: 2 x 2 values from 1 to 4/);
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
    assert.match(
      (await run("pd.DataFrame({'n': range(1000)})")).value ?? "",
      /\[1000 rows x 1 columns; dtypes: n int64\]$/,
    );
    const styled = await run("pd.DataFrame({'a': [1], 'b': ['x']}).style");
    assert.match(styled.value ?? "", /a +b\n0? *1 +x/);
    assert.match(cell.value ?? "", /\[1000 rows x 2 columns; dtypes: a int64, b object\]$/);
  });
});
