0 === __VU ? module.exports = require("../bulk_registration.js") : (() => {
    "use strict";
    var encoding = require("k6/encoding"), http = require("k6/http"), metrics = require("k6/metrics"), k6 = require("k6"), exec = require("k6/execution");
    const entry = name => {
        switch (name) {
          case "seed_order":
            return JSON.parse('["component","interface","bootparams","payload"]');

          case "kea":
            return JSON.parse('{"path":"/","body":{"command":"reservation-get-all","service":["dhcp4"]},"contains":["\\"result\\""]}');

          case "routes.bootscript":
            return JSON.parse('{"service":"bss","method":"GET","path":"/boot/v1/bootscript?mac={mac_encoded}","open":true,"contains":["kernel http://images.example/{id}/vmlinuz console=ttyS0 chamiperf.node={id} ip=dhcp\\ninitrd http://images.example/{id}/initrd.img\\n"]}');

          case "routes.meta-data":
            return JSON.parse('{"service":"cloud-init","method":"GET","path":"/cloud-init/{id}/meta-data","open":true,"contains":["\\"{id}\\""]}');

          case "routes.user-data":
            return JSON.parse('{"service":"cloud-init","method":"GET","path":"/cloud-init/{id}/user-data","open":true,"contains":["#cloud-config\\nhostname: {id}\\n"]}');

          case "routes.vendor-data":
            return JSON.parse('{"service":"cloud-init","method":"GET","path":"/cloud-init/{id}/vendor-data","open":true,"contains":["vendor data of {id}."]}');

          case "routes.component-list":
            return JSON.parse('{"service":"smd","method":"GET","path":"/hsm/v2/State/Components?limit=100&offset={offset}","contains":["\\"kind\\":\\"ComponentList\\"","\\"items\\":["]}');

          case "routes.component-bulk":
            return JSON.parse('{"service":"smd","method":"POST","path":"/hsm/v2/State/Components/bulk"}');

          case "routes.token":
            return JSON.parse('{"service":"auth","method":"POST","path":"/auth/v1/token","open":true,"contains":["\\"access_token\\":\\""]}');

          case "objects.component":
            return JSON.parse('{"kind":"components","service":"smd","path":"/hsm/v2/State/Components","mark":["\\"{id}\\""],"change":{"state":"On"},"changed":["\\"On\\""],"key":"{id}","body":{"id":"{id}","type":"Node","state":"Ready","role":"Compute","slot":0,"subSlot":0},"patch":["state","role","slot","subSlot"]}');

          case "objects.interface":
            return JSON.parse('{"kind":"interfaces","service":"smd","path":"/hsm/v2/Inventory/EthernetInterfaces","mark":["\\"{mac}\\"","\\"{ip}\\""],"change":{"description":"changed by {id}"},"changed":["changed by {id}"],"find":"?component_id={id}&limit=100","body":{"componentId":"{id}","macAddr":"{mac}","ipAddrs":["{ip}"]},"patch":["macAddr","ipAddrs"]}');

          case "objects.bootparams":
            return JSON.parse('{"kind":"bootparams","service":"bss","path":"/boot/v1/bootparams","mark":["\\"http://images.example/{id}/vmlinuz\\""],"change":{"cmdline":"console=ttyS0 chamiperf.changed={id} ip=dhcp"},"changed":["chamiperf.changed={id} "],"find":"?component_id={id}&limit=100","body":{"component_id":"{id}","mac":"{mac}","role":"Compute","kernel_uri":"http://images.example/{id}/vmlinuz","initrd_uri":"http://images.example/{id}/initrd.img","cmdline":"console=ttyS0 chamiperf.node={id} ip=dhcp"},"patch":["mac","role","kernel_uri","initrd_uri","cmdline"]}');

          case "objects.payload":
            return JSON.parse('{"kind":"payloads","service":"cloud-init","path":"/cloud-init/payloads","mark":["hostname: {id}\\\\n"],"change":{"vendor_data":"#cloud-config\\nfinal_message: changed by {id}.\\n"},"changed":["changed by {id}."],"find":"?component_id={id}&limit=100","body":{"component_id":"{id}","role":"Compute","user_data":"#cloud-config\\nhostname: {id}\\n","meta_data":{"instance-id":"{id}"},"vendor_data":"#cloud-config\\nfinal_message: vendor data of {id}.\\n"},"patch":["role","user_data","meta_data","vendor_data"]}');

          case "objects.target":
            return JSON.parse('{"kind":"targets","service":"discovery","path":"/discovery/v1/targets","mark":["\\"{id}\\""],"change":{"enabled":false},"changed":["\\"enabled\\":false"],"body":{"name":"{id}","driver":"redfish","addresses":["{ip}"]}}');

          case "objects.transition":
            return JSON.parse('{"kind":"transitions","service":"power","path":"/power/v1/transitions","mark":["\\"{id}\\""],"body":{"operation":"On","requestID":"{id}","nodes":["{id}"],"dryRun":true}}');

          case "objects.service-account":
            return JSON.parse('{"kind":"service-accounts","service":"auth","path":"/auth/v1/service-accounts","get":"?limit=200","mark":["\\"{id}\\""],"body":{"name":"{id}","scopes":["read:components"]}}');

          case "objects.lock":
            return JSON.parse('{"kind":"groups","service":"smd","path":"/hsm/v2/groups","key":"chamiperf-lock","body":{"name":"chamiperf-lock","description":"Run {run} of {owner} uses this stack until {expires}.","members":[],"tags":{"run":"{run}","owner":"{owner}","expires":"{expires}","process":"{process}"}}}');

          case "grants.dev-mode":
            return JSON.parse('{"grant_type":"dev_mode"}');

          case "grants.client-credentials":
            return JSON.parse('{"grant_type":"client_credentials","client_id":"{client_id}","client_secret":"{client_secret}"}');

          case "grants.token-exchange":
            return JSON.parse('{"grant_type":"urn:ietf:params:oauth:grant-type:token-exchange","subject_token":"{subject_token}"}');
        }
        throw new Error("api.json has no " + name);
    }, routeOf = name => entry(`routes.${name}`), shapeOf = name => entry(`objects.${name}`);
    let plan, windows = 0;
    const health = new metrics.Trend("chamiperf_health", !0), clock = {
        runs: !1
    };
    let watched = !1, iterationsWatched = Math.floor(4 * Math.random()), requestMs = 0;
    const spent = ({timings: timings}, tags) => {
        requestMs += timings.blocked + timings.duration, !watched || iterationsWatched % 4 > 0 || (health.add(timings.blocked, {
            ...tags,
            part: "blocked"
        }), health.add(timings.connecting, {
            ...tags,
            part: "connecting"
        }));
    }, template = (text, names) => {
        const {pieces: pieces, values: values} = cut(text, names), value = values[0];
        return 0 === values.length ? () => text : 1 === values.length ? once(pieces[0], value, pieces[1]) : 3 === values.length && values[1] === value && values[2] === value ? thrice(pieces, value) : (index, key) => {
            let filled = pieces[0];
            for (let i = 0; i < values.length; i += 1) filled += values[i](index, key) + pieces[i + 1];
            return filled;
        };
    }, once = (a, value, b) => (index, key) => `${a}${value(index, key)}${b}`, thrice = (pieces, value) => {
        const a = pieces[0], b = pieces[1], c = pieces[2], d = pieces[3];
        return (index, key) => {
            const v = value(index, key);
            return `${a}${v}${b}${v}${c}${v}${d}`;
        };
    }, cut = (text, names) => {
        const parts = text.split("{"), values = [], pieces = [];
        let piece = parts[0];
        for (let i = 1; i < parts.length; i += 1) {
            const end = parts[i].indexOf("}"), value = valueOf(parts[i].slice(0, Math.max(0, end)), names);
            value ? (pieces[values.length] = piece, values[values.length] = value, piece = parts[i].slice(end + 1)) : piece += `{${parts[i]}`;
        }
        return pieces[values.length] = piece, {
            pieces: pieces,
            values: values
        };
    }, valueOf = (placeholder, names) => {
        switch (placeholder) {
          case "key":
            return (_, key) => key ?? "";

          case "offset":
            return String;

          case "id":
          case "mac":
          case "mac_encoded":
          case "ip":
            return names[placeholder];

          default:
            return;
        }
    }, failed = new metrics.Counter("chamiperf_failed"), apart = new metrics.Counter("chamiperf_apart"), authorized = {
        "Content-Type": "application/json"
    }, OPEN = {
        "Content-Type": "application/json"
    };
    let gaveEvidence = !1;
    const endpoint = ({name: name, service: service, method: method, path: path, names: names, body: body, contains: contains = [], ...more}) => {
        const {open: open = !1, tolerates: tolerates = null, measured: measured = !0} = more, timeout = 1e3 * (plan.load.request_timeout_s ?? 30), withBody = "GET" !== method && "DELETE" !== method, texts = [];
        for (let i = 0; i < contains.length; i += 1) texts[i] = template(contains[i], names);
        return {
            name: name,
            service: service,
            method: method,
            url: template(plan.urls[service] + path, names),
            body: void 0 === body ? null : template(JSON.stringify(body), names),
            contains: texts,
            one: "GET" === method && 1 === texts.length ? texts[0] : null,
            tolerates: tolerates,
            params: {
                tags: {
                    name: name
                },
                timeout: timeout,
                ...open && !withBody ? {} : {
                    headers: open ? OPEN : authorized
                }
            }
        };
    }, {get: get, request: request$1} = http;
    __ENV.CHAMIPERF_PLAN ? http.setResponseCallback(null) : http.setResponseCallback(http.expectedStatuses(200, 201, 202, 204, 207));
    const call = (to, index, key, body) => {
        if (!to.one) {
            const response = send(to, index, key, body);
            return judge(to, response, index, key) ? response : null;
        }
        const response = get(to.url(index, key), to.params);
        return clock.runs && spent(response, to.params.tags), 200 === response.status && response.body?.includes(to.one(index, key)) || judge(to, response, index, key) ? response : null;
    }, send = (to, index, key, body) => {
        const {method: method, params: params} = to, url = to.url(index, key), response = "GET" === method ? get(url, params) : request$1(method, url, body ?? (to.body && to.body(index, key)), params);
        return clock.runs && spent(response, params.tags), response;
    }, judge = (to, response, index, key) => {
        const {status: status} = response;
        return 200 === status || status > 200 && status < 300 && "GET" !== to.method ? shows(to, response, index, key) || fail(to, response, "content") : (429 === status ? apart.add(1, {
            name: to.name,
            why: "throttled"
        }) : status === to.tolerates ? apart.add(1, {
            name: to.name,
            why: "tolerated"
        }) : fail(to, response, 401 === status || 403 === status ? "refused" : 0 === status ? "no_answer" : "status"), 
        !1);
    }, shows = ({contains: contains}, response, index, key) => {
        const body = contains.length > 0 ? response.body : "";
        for (let i = 0; i < contains.length; i += 1) if (!body || !body.includes(contains[i](index, key))) return !1;
        return !0;
    }, jsonOf = ({body: body}) => {
        try {
            return JSON.parse(body ?? "");
        } catch {
            return null;
        }
    }, fail = (to, response, why) => {
        if (failed.add(1, {
            name: to.name,
            why: why
        }), gaveEvidence) return !1;
        gaveEvidence = !0;
        const {status: status} = response, error = response.error || ("content" === why ? "wrong content" : `status ${status}`), body = (response.body ?? "").slice(0, 512);
        return console.warn(`chamiperf-failure ${JSON.stringify({
            endpoint: to.name,
            status: status,
            error: error,
            body: body
        })}`), !1;
    }, DEFAULT_TOKEN = "0123456789abcdef".repeat(4);
    let renewAt = 0;
    const authorize = shared => {
        Date.now() < renewAt || (isRequested() ? renewAt > 0 || !shared ? adopt(request()) : (adopt(shared), 
        authorize(null)) : bear(fixedToken(), 1 / 0));
    }, isRequested = () => "client-credentials" === plan.credential || "dev-mode" === plan.credential, fixedToken = () => "internal-token" === plan.credential ? __ENV.CHAMICORE_INTERNAL_TOKEN ?? DEFAULT_TOKEN : "bearer" === plan.credential ? __ENV.CHAMIPERF_TOKEN : void 0, bear = (token, until) => {
        void 0 !== token && (authorized.Authorization = `Bearer ${token}`), renewAt = until;
    }, adopt = shared => {
        shared ? bear(shared.token, shared.at + 1e3 * shared.life_s * (.6 + Math.random() * (.9 - .6))) : renewAt = Date.now() + 1e3;
    }, request = () => {
        const response = http.post(plan.urls.auth + routeOf("token").path, grantBody(plan.credential), {
            headers: {
                "Content-Type": "application/json"
            },
            tags: {
                name: "credential"
            }
        });
        if (200 !== response.status && 201 !== response.status) return null;
        const {access_token: token, expires_in: life} = jsonOf(response) ?? {};
        return "string" == typeof token ? {
            token: token,
            life_s: life ?? lifeOf(token),
            at: Date.now()
        } : null;
    }, lifeOf = token => {
        try {
            const claims = JSON.parse(encoding.b64decode(token.split(".")[1], "rawurl", "s"));
            return "number" == typeof claims.exp ? claims.exp - Date.now() / 1e3 : 900;
        } catch {
            return 900;
        }
    }, grantBody = (grant, account = {}) => {
        const secrets = {
            client_id: account.id ?? __ENV.CHAMIPERF_CLIENT_ID,
            client_secret: account.secret ?? __ENV.CHAMIPERF_CLIENT_SECRET,
            subject_token: __ENV.CHAMIPERF_SUBJECT_TOKEN
        }, fields = Object.entries((name = grant, entry(`grants.${name}`))).map(([name, value]) => [ name, name in secrets ? secrets[name] ?? "" : value ]);
        var name;
        return JSON.stringify(Object.fromEntries(fields));
    }, HEX = "0123456789abcdef", macsOf = (hash, colon) => {
        const head = `02${colon}${hash.slice(0, 2)}${colon}${hash.slice(2, 4)}${colon}${hash[4]}`;
        return i => `${head}${HEX[i >>> 16]}${colon}${HEX[i >>> 12 & 15]}${HEX[i >>> 8 & 15]}${colon}${HEX[i >>> 4 & 15]}${HEX[15 & i]}`;
    }, addressesOf = network => {
        let first = 0, usable = 0;
        return index => {
            if (0 === usable) {
                const [base, bits] = network.split("/");
                first = base.split(".").reduce((sum, octet) => 256 * sum + Number(octet), 0) + 1, 
                usable = 2 ** (32 - Number(bits)) - 2;
            }
            const address = first + index % usable;
            return `${address >>> 24}.${address >>> 16 & 255}.${address >>> 8 & 255}.${255 & address}`;
        };
    }, namesOf = (runId, network) => {
        const hash = (value = (runId => {
            let hash = 2166136261;
            for (let i = 0; i < runId.length; i += 1) hash = Math.imul(hash ^ runId.charCodeAt(i), 16777619) >>> 0;
            return 1048575 & (hash ^ hash >>> 20);
        })(runId), (1048576 | value).toString(16).slice(1));
        var value;
        const prefix = `chamiperf-${runId}-`;
        return {
            id: index => prefix + index,
            mac: macsOf(hash, ":"),
            mac_encoded: macsOf(hash, "%3A"),
            ip: addressesOf(network)
        };
    }, written = () => namesOf(plan.identities.written_run_id, plan.identities.network), BUSY = [ 429, 502, 503, 504 ], objects = new metrics.Counter("chamiperf_objects"), REQUESTS = {
        create: ({path: path, body: body}) => ({
            method: "POST",
            path: path,
            body: body
        }),
        find: ({path: path, find: find}) => ({
            method: "GET",
            path: path + find
        }),
        get: ({path: path, get: get, mark: mark}, one) => ({
            method: "GET",
            path: void 0 === get ? one : path + get,
            contains: mark
        }),
        change: ({change: change}, one) => ({
            method: "PATCH",
            path: one,
            body: change
        }),
        patch: ({body: body, patch: patch = []}, one) => ({
            method: "PATCH",
            path: one,
            body: pick(body, patch)
        }),
        put: ({body: body, mark: mark}, one) => ({
            method: "PUT",
            path: one,
            body: body,
            contains: mark
        }),
        delete: (_, one) => ({
            method: "DELETE",
            path: one
        })
    }, pick = (body, fields) => Object.fromEntries(fields.map(field => [ field, body[field] ]));
    class Kind {
        constructor(name, names, measured, tolerates) {
            const {kind: kind, key: key, patch: patch = []} = shapeOf(name);
            this.name = name, this.names = names, this.measured = measured, this.tolerates = tolerates, 
            this.ours = void 0 !== key, this.yields = patch.length > 0, this.tags = {
                created: {
                    kind: kind,
                    what: "created"
                },
                resolved: {
                    kind: kind,
                    what: "resolved"
                },
                failed: {
                    kind: kind,
                    what: "failed"
                },
                removed: {
                    kind: kind,
                    what: "removed"
                }
            }, this.made = {};
        }
        to(verb) {
            return this.made[verb] ??= this.endpoint(verb);
        }
        toGetChanged() {
            return this.made.changed ??= this.endpoint("get", {
                contains: shapeOf(this.name).changed
            });
        }
        endpoint(verb, more) {
            const shape = shapeOf(this.name), request = REQUESTS[verb](shape, `${shape.path}/${shape.key ?? "{key}"}`), of = {
                name: `${this.name}-${verb}`,
                measured: this.measured.includes(verb),
                tolerates: this.tolerates[verb]
            };
            return endpoint({
                ...of,
                service: shape.service,
                names: this.names,
                ...request,
                ...more
            });
        }
    }
    const sendIfMatch = (put, index, key, etag) => {
        const {headers: headers} = put.params;
        put.params.headers = {
            ...headers,
            "If-Match": etag
        };
        const response = send(put, index, key);
        return put.params.headers = headers, response;
    }, keysOf = (kind, index, answer) => {
        const response = patiently(() => send(kind.to("find"), index));
        if (!judge(kind.to("find"), response, index)) return null;
        const items = jsonOf(response)?.items;
        return Array.isArray(items) ? items.map(item => item?.metadata?.id).filter(id => "string" == typeof id) : (fail(kind.to("find"), response, "content"), 
        null);
    }, patiently = request => {
        let response = request();
        for (let tried = 1; tried < 4 && BUSY.includes(response.status); tried += 1) k6.sleep(.1 * 2 ** tried * (.5 + Math.random())), 
        response = request();
        return response;
    }, done = new metrics.Trend("chamiperf_done", !0);
    let tagged = "";
    const enterShare = () => {
        const {name: phase, iterationInTest: turn} = exec.scenario, all = plan.load.phases.find(({name: name}) => name === phase)?.iterations ?? 1, share = "sustained" === phase ? String(Math.floor(turn * windows / all)) : null;
        return tagged !== `${phase} ${share}` && (tagged = `${phase} ${share}`, clock.runs = !0, 
        watched = !0, iterationsWatched = 0, ((phase, window) => {
            const {tags: tags} = exec.vu.metrics;
            tags.phase = phase, null === window ? delete tags.window : tags.window = window;
        })(phase, share)), {
            phase: phase,
            turn: turn
        };
    }, finishShare = () => {
        done.add(Date.now() - exec.scenario.startTime);
    };
    plan = (name => {
        const file = __ENV.CHAMIPERF_PLAN;
        if (!file) {
            const {planByHand: planByHand} = require("./by_hand.js");
            return planByHand(name);
        }
        const {format: format, format_version: version, ...given} = JSON.parse(open(file));
        if ("chamiperf-plan" !== format || 1 !== version) throw new Error(`${file} is ${format} version ${version}, expected chamiperf-plan version 1`);
        if (given.scenario !== name) throw new Error(`${file} is for ${given.scenario}, this is ${name}`);
        return given;
    })("bulk_registration"), windows = ((phases, planned) => {
        for (let i = 0; i < phases.length; i += 1) {
            const {name: name, iterations: iterations, duration_s: duration} = phases[i];
            if ("sustained" === name) return iterations ? planned ?? 0 : planned ?? (duration < 120 ? 10 : 20);
        }
        return 0;
    })(plan.load.phases, plan.load.windows);
    const BULK_ITEMS = (() => {
        const value = plan.load.parameters.bulk_items ?? 100;
        if ("number" != typeof value) throw new Error(`parameter bulk_items is ${value}, expected a number`);
        return value;
    })(), COMPONENT = ((name, names, measured = [], tolerates = {}) => new Kind(name, names, measured, tolerates))("component", written(), [ "create" ]), ROUTE = ((name, more = {}) => endpoint({
        name: name,
        names: namesOf(plan.identities.run_id, plan.identities.network),
        ...routeOf(name),
        ...more
    }))("component-bulk", {
        names: written(),
        contains: [ '"failed":0' ]
    });
    let next = plan.identities.nodes;
    const phases = plan.load.phases.map(({name: name, iterations: count = 0}) => {
        const items = "bulk" === name ? BULK_ITEMS : 1, first = next;
        return next += count * items, {
            name: name,
            count: count,
            items: items,
            first: first
        };
    }), firstOf = Object.fromEntries(phases.map(({name: name, first: first}) => [ name, first ])), {options: options, setup: setup, teardown: teardown, handleSummary: handleSummary} = {};
    exports.handleSummary = handleSummary, exports.options = options, exports.registerMany = ({credential: credential, bulk: bulk}) => {
        if (!bulk) return;
        authorize(credential);
        const first = firstOf.bulk + enterShare().turn * BULK_ITEMS, bodies = Array.from({
            length: BULK_ITEMS
        }, (_, i) => COMPONENT.to("create").body?.(first + i));
        var kind, count;
        call(ROUTE, 0, void 0, `[${bodies.join(",")}]`) && (kind = COMPONENT, count = BULK_ITEMS, 
        objects.add(count, kind.tags.created), finishShare());
    }, exports.registerOne = ({credential: credential}) => {
        authorize(credential);
        const {phase: phase, turn: turn} = enterShare();
        var kind, index;
        kind = COMPONENT, index = firstOf[phase] + turn, ((kind, index, response) => {
            if (409 === response.status) {
                const settled = ((kind, index) => {
                    const key = kind.ours ? "" : keysOf(kind, index)?.[0];
                    if (void 0 === key || !kind.yields) return !1;
                    const patched = patiently(() => send(kind.to("patch"), index, key));
                    if (400 !== patched.status) return judge(kind.to("patch"), patched, index, key);
                    const found = send(kind.to("get"), index, key);
                    return !!judge(kind.to("get"), found, index, key) && judge(kind.to("put"), sendIfMatch(kind.to("put"), index, key, found.headers.Etag), index, key);
                })(kind, index);
                return objects.add(1, settled ? kind.tags.resolved : kind.tags.failed), settled;
            }
            const good = judge(kind.to("create"), response, index);
            return objects.add(1, good ? kind.tags.created : kind.tags.failed), good;
        })(kind, index, patiently(() => send(kind.to("create"), index))) && finishShare();
    }, exports.setup = setup, exports.teardown = teardown;
})();
