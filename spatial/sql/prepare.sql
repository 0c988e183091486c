-- 万米 Wanmi：管理员准备数据库 / the administrator's part of a database.
--
-- 用法（在已安装 PostgreSQL ≥ 15 与 PostGIS ≥ 3.3 的服务器上，以超级用户运行；可重复运行）：
-- Use (as a superuser, on a server with PostgreSQL >= 15 and PostGIS >= 3.3; may be run again):
--
--   psql -d postgres -v owner_password='…' -v app_password='…' -f prepare.sql
--
-- 然后设置 / then set:
--   WANMI_DATABASE_URL=postgresql://wanmi_owner:…@HOST:5432/wanmi
--   WANMI_APP_DATABASE_URL=postgresql://wanmi_app:…@HOST:5432/wanmi
--
-- 没有超级用户也可以：能建角色（CREATEROLE）、拥有一个已装好 PostGIS 的 UTF-8 数据库即可；做不到的步骤只给出 NOTICE。
-- Without a superuser: CREATEROLE and the ownership of a UTF-8 database in which somebody has installed PostGIS will do; steps
-- that are refused then are told by a NOTICE.
--
-- 本文件由程序逐段执行，段与段之间空一行 / the program runs the same file, one paragraph at a time.

\set ON_ERROR_STOP on

\set database wanmi

-- 角色：wanmi_owner 拥有数据库并负责升级；wanmi_app 对外服务，只读视图。
-- Roles: wanmi_owner owns the database and upgrades it; wanmi_app serves and reads the views only.
SELECT format('CREATE ROLE %I LOGIN', name)
FROM unnest(ARRAY['wanmi_owner', 'wanmi_app']) AS name
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name)
\gexec

ALTER ROLE wanmi_owner LOGIN PASSWORD :'owner_password';

ALTER ROLE wanmi_app LOGIN PASSWORD :'app_password';

-- wanmi_actor：受行级权限约束，拥有视图；编辑与作业以它的身份写入。不能登录。
-- wanmi_actor is what row-level security binds: it owns the views, edits and jobs write as it. Nobody logs in as it.
SELECT 'CREATE ROLE wanmi_actor' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'wanmi_actor')
\gexec

ALTER ROLE wanmi_actor NOLOGIN;

-- 只有超级用户可以改这些属性；新建的角色本来就没有，`wanmi doctor` 会核对。
-- A superuser alone may name these; a new role has none of them, and `wanmi doctor` looks.
SELECT format('ALTER ROLE %I NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS', name)
FROM unnest(ARRAY['wanmi_owner', 'wanmi_app', 'wanmi_actor']) AS name
WHERE (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
\gexec

GRANT wanmi_actor TO wanmi_owner;

-- 非超级用户须以 wanmi_owner 成员的身份才能把数据库交给它。
-- Who is no superuser must be a member of wanmi_owner to hand the database over.
SELECT format('GRANT wanmi_owner TO %I', current_user) WHERE NOT pg_has_role(current_user, 'wanmi_owner', 'USAGE')
\gexec

-- 服务角色的上限；每个请求另设更短的时限。
-- Outer limits of the serving role; each request sets shorter ones of its own.
ALTER ROLE wanmi_app SET statement_timeout = '60s';

ALTER ROLE wanmi_app SET lock_timeout = '5s';

ALTER ROLE wanmi_app SET idle_in_transaction_session_timeout = '15s';

DO $$
BEGIN
  ALTER ROLE wanmi_app SET temp_file_limit = '2GB';
EXCEPTION WHEN insufficient_privilege THEN
  RAISE NOTICE '没有设置 temp_file_limit：只有超级用户可以，请在服务器上另行限制 / temp_file_limit is not set: a superuser alone may';
END
$$;

-- 瓦片查询的两个陷阱：并行计划 ×8、通用计划 ×1.65（实测）。
-- Two traps of tile queries: parallel plans cost x8, generic plans x1.65 (measured).
ALTER ROLE wanmi_app SET max_parallel_workers_per_gather = 0;

ALTER ROLE wanmi_app SET plan_cache_mode = 'force_custom_plan';

-- 数据库：UTF-8；字符类型须为 UTF-8，否则中文没有三元组。
-- The database: UTF-8; its ctype must be UTF-8 too, or Chinese text has no trigrams.
SELECT format(
    'CREATE DATABASE %I OWNER wanmi_owner TEMPLATE template0 ENCODING ''UTF8'' LC_COLLATE ''C'' LC_CTYPE ''C.UTF-8''',
    :'database'
)
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database')
\gexec

-- 改变所有者需要 CREATEDB；没有时给 wanmi_owner 所需的权利即可。
-- To change the owner takes CREATEDB; without it the rights that wanmi_owner needs will do.
SELECT format('ALTER DATABASE %I OWNER TO wanmi_owner', datname)
FROM pg_database WHERE datname = :'database' AND pg_get_userbyid(datdba) <> 'wanmi_owner'
AND (SELECT rolsuper OR rolcreatedb FROM pg_roles WHERE rolname = current_user)
\gexec

REVOKE ALL ON DATABASE :"database" FROM PUBLIC;

GRANT CONNECT, CREATE, TEMPORARY ON DATABASE :"database" TO wanmi_owner;

GRANT CONNECT ON DATABASE :"database" TO wanmi_app;

ALTER DATABASE :"database" SET jit = off;

ALTER DATABASE :"database" SET timezone = 'Asia/Shanghai';

\connect :"database"

-- 扩展。
-- Extensions.
CREATE EXTENSION IF NOT EXISTS postgis;

CREATE EXTENSION IF NOT EXISTS pg_trgm;

CREATE EXTENSION IF NOT EXISTS btree_gist;

-- 行级权限之下，&& 只有标为 LEAKPROOF 才能用空间索引（实测 209 ms 对 0.16 ms）；转储不携带此标记，恢复后须重新运行。
-- Under row-level security && uses a spatial index only when marked LEAKPROOF (209 ms against 0.16 ms, measured); a dump
-- does not carry the mark: run this file again after a restore.
-- 无人可设时，查询改经一道门函数到达索引（慢一些，结果相同）。
-- Where nobody may set it, queries reach the index through a gate function: slower, with the same answers.
DO $$
BEGIN
  ALTER FUNCTION geometry_overlaps(geometry, geometry) LEAKPROOF;
EXCEPTION WHEN insufficient_privilege THEN
  RAISE NOTICE 'geometry_overlaps 没有标为 LEAKPROOF：只有超级用户可以；地图与查询稍慢，结果不变 / geometry_overlaps is not marked LEAKPROOF: a superuser alone may; maps and queries are slower, answers are the same';
END
$$;

-- 公共模式里只有扩展。
-- The public schema holds extensions only.
REVOKE CREATE ON SCHEMA public FROM PUBLIC;

GRANT USAGE ON SCHEMA public TO wanmi_owner, wanmi_app, wanmi_actor;
