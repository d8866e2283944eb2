/** Runs the test suite; with OMCP_JUNIT=FILE the counts go there too. Arguments are passed on to `deno test`. */
const report = Deno.env.get("OMCP_JUNIT");
const command = new Deno.Command(Deno.execPath(), {
  args: [
    "test",
    "-A",
    "--no-prompt",
    ...(report === undefined ? [] : [`--junit-path=${report}`]),
    ...(Deno.args.length > 0 ? Deno.args : ["tests"]),
  ],
  stdin: "null",
});
Deno.exit((await command.spawn().status).code);
