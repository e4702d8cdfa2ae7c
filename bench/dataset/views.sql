-- The views over stored runs, as queries of DuckDB: `-- name`, and the query up to its semicolon.

-- runs
SELECT machine, month, run_id, machine_id, created_at,
       TRY_CAST(finish ->> '$.ended_at' AS TIMESTAMPTZ) AS ended_at,
       finish ->> '$.reason' AS reason,
       TRY_CAST(record ->> '$.schema_version' AS INTEGER) AS schema_version,
       record ->> '$.project.version' AS project_version,
       record ->> '$.project.git_commit' AS git_commit,
       record ->> '$.command' AS command,
       record ->> '$.plan.profile' AS profile,
       record ->> '$.model.name' AS model,
       record ->> '$.model.digest' AS model_digest,
       record ->> '$.machine.cpu.name' AS cpu,
       TRY_CAST(record ->> '$.machine.cpu.physical_cores' AS INTEGER) AS cores,
       TRY_CAST(record ->> '$.machine.memory_bytes' AS BIGINT) AS memory_bytes,
       record ->> '$.machine.os' AS os,
       record ->> '$.machine.kernel' AS kernel,
       record ->> '$.machine.power_source' AS power_source,
       record ->> '$.machine.power_mode' AS power_mode,
       list_concat(record ->> '$.machine.gpus[*].name', record ->> '$.machine.npus[*].name') AS devices,
       list_concat(record ->> '$.machine.gpus[*].driver', record ->> '$.machine.npus[*].driver') AS drivers,
       record -> '$.venvs' AS venvs,
       record, finish
FROM (
    SELECT *, CASE WHEN json_valid(run_json) THEN run_json::JSON END AS record,
           CASE WHEN json_valid(end_json) THEN end_json::JSON END AS finish
    FROM stored_runs
);

-- machines
SELECT machine, any_value(machine_id) AS machine_id, any_value(named.name) AS name,
       any_value(named.labels) AS labels, arg_max(cpu, run_id) AS cpu, arg_max(cores, run_id) AS cores,
       arg_max(memory_bytes, run_id) AS memory_bytes, arg_max(os, run_id) AS os,
       arg_max(kernel, run_id) AS kernel, arg_max(devices, run_id) AS devices,
       arg_max(drivers, run_id) AS drivers, count(*) AS runs, min(created_at) AS first_run,
       max(created_at) AS last_run
FROM runs LEFT JOIN named USING (machine)
GROUP BY machine;

-- loads
SELECT machine, month, * EXCLUDE (machine, month),
       ran_on(device_verdict, device_requested, device_executed) AS device
FROM stored_loads;

-- generations
SELECT machine, month, * EXCLUDE (machine, month),
       counted(status, warmup, invalid_reason, ttft_ns, itl_ns, new_tokens) AS counted
FROM stored_generations;

-- tokens
SELECT g.machine, g.month, g.run_id, g.load_id, g.cell_key, model, backend, device, precision, g.block,
       iteration, warmup, counted, prompt_tokens, new_tokens, batch_size, turn,
       generate_subscripts(itl_ns, 1) AS step, unnest(itl_ns) AS itl_ns
FROM generations g LEFT JOIN loads USING (run_id, load_id);

-- cells
WITH blocks AS (
    SELECT machine, month, run_id, cell_key, coalesce(ask, 'first') AS ask, prompt_tokens, new_tokens,
           batch_size, turn, block, any_value(load_id) AS load_id, count(*) FILTER (counted) AS generations,
           median(ttft_ns) FILTER (counted) / 1e6 AS ttft_ms,
           median(list_avg(itl_ns)) FILTER (counted) / 1e6 AS tpot_ms,
           any_value(status) FILTER (status <> 'ok') AS failure,
           any_value(error_message) FILTER (status <> 'ok') AS reason
    FROM generations
    WHERE NOT warmup
    GROUP BY ALL
)
SELECT b.machine, b.month, run_id, cell_key, load_key, l.variant, model, backend, device, precision, ask,
       prompt_tokens, new_tokens, batch_size, turn, sum(generations)::BIGINT AS generations,
       count(*) FILTER (generations > 0) AS blocks, exp(avg(ln(ttft_ms))) AS ttft_ms,
       exp(avg(ln(nullif(tpot_ms, 0)))) AS tpot_ms,
       CASE WHEN sum(generations) > 0 THEN 'ok' ELSE any_value(failure) END AS status,
       any_value(reason) AS error_message
FROM blocks b LEFT JOIN loads l USING (run_id, load_id)
GROUP BY ALL;

-- findings
SELECT machine, month, * EXCLUDE (machine, month) FROM stored_findings;

-- quality
SELECT machine, month, * EXCLUDE (machine, month) FROM stored_quality;

-- latencies
SELECT machine, month, run_id, cell_key, model, backend, device, precision, prompt_tokens, new_tokens, batch_size,
       turn, bin_centre(bin) AS itl_ns, tokens
FROM (SELECT * EXCLUDE (bin, tokens), unnest(bin) AS bin, unnest(tokens) AS tokens FROM stored_latencies);

-- latencies_of_folders
SELECT machine, month, run_id, cell_key, model, backend, device, precision, prompt_tokens, new_tokens, batch_size,
       turn, bin_centre(bin_of(itl_ns)) AS itl_ns, count(*) AS tokens
FROM tokens WHERE counted
GROUP BY ALL;
