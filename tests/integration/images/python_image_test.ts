import assert from "node:assert/strict";
import * as z from "zod";
import { hostCertificates } from "../../../src/lib/host_certificates.ts";
import { imageFiles } from "../../../src/images/files.ts";
import { imageReference } from "../../../src/images/identity.ts";
import { connectTestEngine } from "../../fixtures/server.ts";
import facts from "./facts.py" with { type: "text" };
import { runInImage } from "./run_in_image.ts";

const IMAGE = imageReference("python");
const HOME = ["HOME=/tmp/home", "MPLCONFIGDIR=/tmp/matplotlib"];

const Facts = z.object({
  special: z.array(z.string()),
  writable: z.array(z.string()),
  certificates: z.record(z.string(), z.array(z.string())),
  top: z.array(z.string()),
});

async function python(code: string, env: readonly string[] = HOME): Promise<string> {
  const { stdout, stderr, exitCode } = await runInImage(IMAGE, ["python3", "-c", code], { env });
  assert.equal(exitCode, 0, stderr);
  return stdout;
}

Deno.test("the images contain no setuid file, nothing that their user can write, no certificate of this host", async () => {
  const host = await hostCertificates((name) => Deno.env.get(name));
  const bodies = host.split(/-----(?:BEGIN|END) (?:TRUSTED )?CERTIFICATE-----/).map((part) =>
    part.replace(/\s/g, "")
  );
  for (const image of [IMAGE, imageReference("postgres")]) {
    const { stdout, stderr } = await runInImage(image, ["python3", "-I", "-c", facts], { user: "0:0" });
    const found = Facts.parse(JSON.parse(stdout || stderr));
    assert.deepEqual(found.special, []);
    assert.deepEqual(found.writable, []);
    assert.ok(!found.top.includes("build"));
    // The images contain only the public authorities of the distribution and of certifi.
    const others = bodies.filter((body) => {
      const where = found.certificates[body];
      const authorities = /^\/usr\/share\/ca-certificates\/|\/site-packages\/certifi\//;
      return where !== undefined && !where.some((path) => authorities.test(path));
    });
    assert.deepEqual(others, []);
  }
});

Deno.test("the images' settings contain no certificates, index or proxy of a build stage", async () => {
  const engine = await connectTestEngine();
  try {
    for (const image of [IMAGE, imageReference("postgres")]) {
      const found = await engine.inspectImage(image);
      assert.equal(found?.user, "10001:10001");
      assert.deepEqual(found.env.map((entry) => entry.split("=")[0]).toSorted(), ["LANG", "PATH"]);
    }
  } finally {
    engine.close();
  }
});

Deno.test("the Python image has the packages of requirements.txt in their versions, and no others", async () => {
  const text = imageFiles("python").find((file) => file.path === "requirements.txt")?.text ?? "";
  const pinned = [...text.matchAll(/^([a-z0-9-]+==[^\s\\]+)/gm)].map((match) => match[1]);
  const code = `
import importlib.metadata, re
for found in importlib.metadata.distributions():
    print(re.sub(r"[-_.]+", "-", found.name).lower() + "==" + found.version)`;
  assert.deepEqual((await python(code)).trim().split("\n").toSorted(), pinned.toSorted());
});

Deno.test("an ordinary user on a read-only root can import everything that the Python image promises", async () => {
  const code = `
import os, sys
import IPython, adbc_driver_postgresql.dbapi, asyncpg, connectorx, duckdb, lifelines, matplotlib.pyplot, numpy, pandas
import pg8000, polars, psycopg, psycopg.pq, psycopg2, pyarrow.parquet, scipy.stats, seaborn, sklearn.linear_model
import sqlalchemy, statsmodels.api
print(os.getuid(), os.getgid(), sys.version_info[:2], sys.prefix, os.getcwd(), psycopg.pq.__impl__)`;
  assert.equal((await python(code)).trim(), "10001 10001 (3, 13) /opt/venv /workspace binary");
});

Deno.test("matplotlib uses the image's font cache without rebuilding it", async () => {
  const code = `
import json, os, shutil
shutil.copytree("/opt/omcp/matplotlib", "/tmp/matplotlib")
before = {name: os.stat("/tmp/matplotlib/" + name).st_mtime_ns for name in os.listdir("/tmp/matplotlib")}
import matplotlib.pyplot as plot
plot.plot([1, 2]); plot.savefig("/tmp/figure.png")
after = {name: os.stat("/tmp/matplotlib/" + name).st_mtime_ns for name in os.listdir("/tmp/matplotlib")}
fonts = json.load(open("/tmp/matplotlib/" + next(n for n in after if n.startswith("fontlist-"))))["ttflist"]
print(before == after, len(fonts) > 30, os.path.getsize("/tmp/figure.png") > 1000)`;
  assert.equal((await python(code)).trim(), "True True True");
});

Deno.test("DuckDB loads its postgres extension from a home that starts empty, without a network", async () => {
  const code = `
import duckdb
# A load of more than two seconds would show one.
duckdb.sql("SET enable_progress_bar = false")
duckdb.sql("LOAD postgres")
print(duckdb.sql("SELECT loaded FROM duckdb_extensions() WHERE extension_name = 'postgres_scanner'").fetchone()[0])
try:
    duckdb.sql("ATTACH 'host=/run/postgresql' AS p (TYPE postgres)")
except duckdb.IOException as error:
    print("No such file or directory" in str(error))`;
  assert.equal((await python(code)).trim(), "True\nTrue");
});

Deno.test("the Python image starts without a home, and its modules are compiled", async () => {
  const code = `
import importlib.util, os
import pandas, matplotlib, json
print(all(os.path.exists(importlib.util.cache_from_source(m.__file__)) for m in (pandas, matplotlib, json)))`;
  assert.equal((await python(code, ["HOME=/nonexistent"])).trim(), "True");
});

Deno.test("what models often use works: tables in all formats, gradient boosting, CJK labels", async () => {
  const out = await python(`
import io, warnings
import acro, e2b_charts, greenlet, nbformat, networkx, requests, rich, sympy, tableone, tqdm, vl_convert
import altair, lightgbm, numpy, pandas, plotly.graph_objects, xgboost
import matplotlib.pyplot as plt
frame = pandas.DataFrame({"a": [1, 2, 3, 4] * 10, "b": [0, 0, 1, 1] * 10})
frame.to_excel("/tmp/x.xlsx"); frame.to_hdf("/tmp/x.h5", key="k"); assert len(pandas.read_hdf("/tmp/x.h5")) == 40
assert "|" in frame.to_markdown() and frame.style.to_html() and len(pandas.read_html(io.StringIO(frame.to_html()))[0]) == 40
for model in (xgboost.XGBClassifier(n_estimators=5), lightgbm.LGBMClassifier(n_estimators=5, min_child_samples=1, verbose=-1)):
    assert (model.fit(frame[["a"]], frame.b).predict(frame[["a"]]) == frame.b).all()
with warnings.catch_warnings():
    warnings.simplefilter("error")
    plt.plot([1]); plt.title("日本語 中文 한국어"); plt.savefig("/tmp/x.png")
assert vl_convert.vegalite_to_png(altair.Chart(frame).mark_point().encode(x="a", y="b").to_json())[:4] == b"\\x89PNG"
print("ok")
`);
  assert.match(out, /ok\n$/);
});
