-- Run in database cdm by omcp_admin: the role that sandboxes' statements run under, and what it must not have.
\set ON_ERROR_STOP on

CREATE ROLE omcp_reader LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS NOINHERIT;

REVOKE ALL ON DATABASE cdm FROM PUBLIC;
GRANT CONNECT ON DATABASE cdm TO omcp_reader;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER DEFAULT PRIVILEGES REVOKE USAGE ON TYPES FROM PUBLIC;

-- No procedural language, and none to write functions in. CREATE EXTENSION brings plpgsql back for a superuser.
DROP EXTENSION plpgsql;
REVOKE USAGE ON LANGUAGE sql FROM PUBLIC;

-- Functions of the catalogue that anyone may call, and that write, wait for others, or look at or end their sessions.
-- All sandboxes share the one role, so that the server's own rule "only one's own sessions" parts nothing.
SELECT format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', oid::regprocedure)
FROM pg_catalog.pg_proc
WHERE pronamespace = 'pg_catalog'::regnamespace
  AND (
    proname ~ '^(lo_.*|loread|lowrite)$'
    OR proname ~ '^pg_(try_)?advisory_(xact_)?lock'
    OR proname IN (
      'pg_cancel_backend', 'pg_terminate_backend', 'pg_logical_emit_message', 'pg_notify',
      'pg_stat_get_activity', 'pg_stat_get_backend_activity', 'pg_log_backend_memory_contexts',
      'query_to_xml', 'query_to_xmlschema', 'query_to_xml_and_xmlschema', 'cursor_to_xml', 'cursor_to_xmlschema'
    )
  )
ORDER BY oid
\gexec

REVOKE SELECT ON pg_catalog.pg_stat_activity, pg_catalog.pg_largeobject_metadata FROM PUBLIC;
