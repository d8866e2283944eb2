/** A sandbox's user has a name, a home and a database user, whatever its uid and whatever image it is. */
import assert from "node:assert/strict";
import { imageReference } from "../../../src/images/identity.ts";
import { withImage } from "../../fixtures/docker/built_image.ts";
import { newSandbox, withServer } from "../../fixtures/server.ts";

/** Must work in every image: libraries read the environment first. */
const EVERYWHERE = `
import asyncio, getpass, os, pathlib, subprocess, sys
name = getpass.getuser()
assert name == os.environ["USER"] == os.environ["LOGNAME"], name
home = os.environ["HOME"]
assert os.path.expanduser("~") == home == str(pathlib.Path.home()) and os.access(home, os.W_OK), home
assert subprocess.run([sys.executable, "-c", "import getpass; print(getpass.getuser())"], capture_output=True, text=True).stdout == name + "\\n"
import asyncpg, psycopg, psycopg2
from adbc_driver_postgresql import dbapi
from sqlalchemy import create_engine, text
persons = "select count(*) from cdm.person"
async def over_asyncpg():
    connection = await asyncpg.connect()
    try: return await connection.fetchval(persons)
    finally: await connection.close()
found = [psycopg.connect().execute(persons).fetchone()[0], await over_asyncpg()]
with psycopg2.connect("") as old:
    cursor = old.cursor()
    cursor.execute(persons)
    found.append(cursor.fetchone()[0])
with create_engine("postgresql+psycopg://").connect() as connection: found.append(connection.execute(text(persons)).scalar())
with dbapi.connect("postgresql://") as connection, connection.cursor() as cursor:
    cursor.execute(persons)
    found.append(cursor.fetchone()[0])
assert len(found) == 5 and set(found) == {found[0]} and found[0] > 0, found
print("all of it")
`;

/** Must work in our image besides: its passwd and group files list the sandbox's user, also for programs without our environment. */
const OUR_IMAGE = `
import grp, io, pwd, tarfile
me = pwd.getpwuid(os.getuid())
assert (me.pw_name, me.pw_uid, me.pw_gid, me.pw_dir) == (name, os.getuid(), os.getgid(), home), me
assert pwd.getpwnam(name) == me and grp.getgrgid(os.getgid()).gr_name == name and grp.getgrnam(name).gr_gid == os.getgid()
assert pwd.getpwnam("root").pw_uid == 0 and pwd.getpwuid(65534).pw_name == "nobody" and grp.getgrgid(0).gr_name == "root"
def bare(*command): return subprocess.run(command, env={}, capture_output=True, text=True).stdout.strip()
assert bare("/usr/bin/whoami") == bare("/usr/bin/id", "-un") == bare("/usr/bin/id", "-gn") == name
assert bare("/usr/bin/id") == f"uid={os.getuid()}({name}) gid={os.getgid()}({name}) groups={os.getgid()}({name})"
assert bare(sys.executable, "-I", "-c", "import os, getpass; print(getpass.getuser(), os.path.expanduser('~'))") == name + " " + home
assert bare(sys.executable, "-I", "-c", "import psycopg; print(psycopg.connect('host=/run/postgresql dbname=cdm').execute('select 1').fetchone())") == "(1,)"
file = pathlib.Path("/workspace/mine"); file.touch()
assert file.owner() == file.group() == name
archive = tarfile.open(fileobj=io.BytesIO(), mode="w")
assert archive.gettarinfo("/workspace/mine").uname == name
print("ours too")
`;

Deno.test("in our image the user has a name everywhere, and every driver connects without arguments", async () => {
  await withServer({}, async (server) => {
    const sandbox_id = await newSandbox(server);
    const { text } = await server.call("execute_python_code", { sandbox_id, code: EVERYWHERE + OUR_IMAGE });
    assert.match(text, /^\[stdout\]\nall of it\nours too\n\[files changed: mine\]\n\[ok, /);
  });
});

/** Foreign images: their passwd files lack the sandbox's user, or do not exist. */
const FOREIGN = {
  "knows root alone":
    "rm /etc/passwd /etc/group && echo root:x:0:0::/root:/bin/sh >/etc/passwd && echo root:x:0: >/etc/group",
  "has no file of users": "rm -r /etc/passwd /etc/group /opt/omcp/passwd /opt/omcp/group /run/omcp",
  "calls other users by our names":
    "rm /etc/passwd /etc/group && echo sandbox:x:999:999::/nonexistent:/bin/false >/etc/passwd && echo sandbox:x:999:root >/etc/group",
} as const;

for (const [what, change] of Object.entries(FOREIGN)) {
  Deno.test(`in a foreign image that ${what} names and drivers work as well`, async () => {
    await withImage(`FROM ${imageReference("python")}\nUSER 0\nRUN ${change}\n`, async ({ name }) => {
      await withServer({ OMCP_IMAGE: name }, async (server) => {
        const sandbox_id = await newSandbox(server);
        const { text } = await server.call("execute_python_code", { sandbox_id, code: EVERYWHERE });
        assert.match(text, /^\[stdout\]\nall of it\n\[ok, /);
      });
    });
  });
}
