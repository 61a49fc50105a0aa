package example.ultramarket.accounts;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import org.elasticsearch.ElasticsearchSecurityException;
import org.elasticsearch.action.ActionListener;
import org.elasticsearch.action.ActionRequest;
import org.elasticsearch.action.ActionResponse;
import org.elasticsearch.action.AliasesRequest;
import org.elasticsearch.action.IndicesRequest;
import org.elasticsearch.action.admin.indices.alias.IndicesAliasesRequest;
import org.elasticsearch.action.support.ActionFilter;
import org.elasticsearch.action.support.ActionFilterChain;
import org.elasticsearch.common.io.stream.NamedWriteableRegistry;
import org.elasticsearch.common.settings.Setting;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.common.util.concurrent.ThreadContext;
import org.elasticsearch.plugins.ActionPlugin;
import org.elasticsearch.plugins.NetworkPlugin;
import org.elasticsearch.plugins.Plugin;
import org.elasticsearch.client.node.NodeClient;
import org.elasticsearch.rest.BytesRestResponse;
import org.elasticsearch.rest.RestChannel;
import org.elasticsearch.rest.RestHandler;
import org.elasticsearch.rest.RestRequest;
import org.elasticsearch.rest.RestStatus;
import org.elasticsearch.tasks.Task;
import org.elasticsearch.transport.TransportInterceptor;
import org.elasticsearch.transport.TransportRequest;
import org.elasticsearch.transport.TransportRequestHandler;

/**
 * Accounts for a build of Elasticsearch without X-Pack: HTTP basic authentication, and indexes by prefix.
 *
 * The setting {@code ultramarket.accounts} lists {@code USER:SHA256_OF_PASSWORD:INDEX_PREFIX}; the prefix {@code *} is
 * an operator. Requests without an account are answered with 401, those for other indexes or of the cluster with 403.
 * The transport port, by which other nodes would join, refuses everything: there is one node.
 */
public class AccountsPlugin extends Plugin implements ActionPlugin, NetworkPlugin {
    private static final Setting<List<String>> ACCOUNTS = Setting.listSetting(
        "ultramarket.accounts", List.of(), Function.identity(), Setting.Property.NodeScope, Setting.Property.Filtered);
    private static final String PREFIX = "ultramarket.prefix";
    private static final String OPERATOR = "*";
    /** Actions without indexes of their own: their parts are checked, or they refer to an earlier search. */
    private static final List<String> OF_SERVICES = List.of(
        "cluster:monitor/health", "cluster:monitor/main", "indices:data/read/scroll", "indices:data/read/scroll/clear",
        "indices:data/read/mget", "indices:data/read/msearch", "indices:data/write/bulk");

    private final Map<String, String[]> accounts = new ConcurrentHashMap<>();

    public AccountsPlugin(Settings settings) {
        for (String account : ACCOUNTS.get(settings)) {
            String[] parts = account.split(":", 3);
            accounts.put(parts[0], parts);
        }
    }

    @Override
    public List<Setting<?>> getSettings() {
        return List.of(ACCOUNTS);
    }

    @Override
    public UnaryOperator<RestHandler> getRestHandlerWrapper(ThreadContext context) {
        return handler -> new RestHandler() {
            @Override
            public void handleRequest(RestRequest request, RestChannel channel, NodeClient client) throws Exception {
                String prefix = prefixOf(request.header("Authorization"));
                if (prefix == null) {
                    BytesRestResponse refusal = new BytesRestResponse(RestStatus.UNAUTHORIZED, "a valid account is needed\n");
                    refusal.addHeader("WWW-Authenticate", "Basic realm=\"ultramarket\"");
                    channel.sendResponse(refusal);
                    return;
                }
                context.putTransient(PREFIX, prefix);
                handler.handleRequest(request, channel, client);
            }

            @Override
            public boolean canTripCircuitBreaker() {
                return handler.canTripCircuitBreaker();
            }

            @Override
            public boolean supportsContentStream() {
                return handler.supportsContentStream();
            }

            @Override
            public boolean allowsUnsafeBuffers() {
                return handler.allowsUnsafeBuffers();
            }

            @Override
            public boolean allowSystemIndexAccessByDefault() {
                return handler.allowSystemIndexAccessByDefault();
            }

            @Override
            public List<Route> routes() {
                return handler.routes();
            }

            @Override
            public RestHandler getConcreteRestHandler() {
                return handler.getConcreteRestHandler();
            }
        };
    }

    @Override
    public List<ActionFilter> getActionFilters() {
        return accounts.isEmpty() ? List.of() : List.of(new IndexFilter());
    }

    @Override
    public List<TransportInterceptor> getTransportInterceptors(NamedWriteableRegistry registry, ThreadContext context) {
        filterContext = context;
        return accounts.isEmpty() ? List.of() : List.of(new TransportInterceptor() {
            @Override
            public <T extends TransportRequest> TransportRequestHandler<T> interceptHandler(
                String action, String executor, boolean force, TransportRequestHandler<T> handler) {
                return (request, channel, task) -> {
                    if ("direct".equals(channel.getChannelType())) {
                        handler.messageReceived(request, channel, task);
                    } else {
                        channel.sendResponse(new ElasticsearchSecurityException("no other node may connect", RestStatus.FORBIDDEN));
                    }
                };
            }
        });
    }

    private volatile ThreadContext filterContext;

    /** The prefix of the account that the header names; null for none, or for a wrong password. */
    private String prefixOf(String header) {
        if (header == null || header.startsWith("Basic ") == false) {
            return null;
        }
        try {
            String text = new String(Base64.getDecoder().decode(header.substring(6).trim()), StandardCharsets.UTF_8);
            String[] account = accounts.get(text.substring(0, Math.max(text.indexOf(':'), 0)));
            if (account == null) {
                return null;
            }
            byte[] given = MessageDigest.getInstance("SHA-256")
                .digest(text.substring(text.indexOf(':') + 1).getBytes(StandardCharsets.UTF_8));
            return MessageDigest.isEqual(hex(given).getBytes(StandardCharsets.UTF_8),
                account[1].getBytes(StandardCharsets.UTF_8)) ? account[2] : null;
        } catch (IllegalArgumentException | NoSuchAlgorithmException malformed) {
            return null;
        }
    }

    private static String hex(byte[] bytes) {
        StringBuilder text = new StringBuilder();
        for (byte each : bytes) {
            text.append(String.format(Locale.ROOT, "%02x", each));
        }
        return text.toString();
    }

    /** Refuses what an account may not do. Actions of the node itself have no account. */
    private class IndexFilter implements ActionFilter {
        @Override
        public int order() {
            return Integer.MIN_VALUE;
        }

        @Override
        public <Request extends ActionRequest, Response extends ActionResponse> void apply(
            Task task, String action, Request request, ActionListener<Response> listener,
            ActionFilterChain<Request, Response> chain) {
            String prefix = filterContext.getTransient(PREFIX);
            if (prefix == null || prefix.equals(OPERATOR) || isAllowed(prefix, action, request)) {
                chain.proceed(task, action, request, listener);
            } else {
                listener.onFailure(new ElasticsearchSecurityException("not allowed: " + action, RestStatus.FORBIDDEN));
            }
        }

        private boolean isAllowed(String prefix, String action, ActionRequest request) {
            if (OF_SERVICES.contains(action)) {
                return true;
            }
            if (request instanceof IndicesAliasesRequest) {
                return ((IndicesAliasesRequest) request).getAliasActions().stream()
                    .allMatch(each -> isOwn(prefix, each.indices()) && isOwn(prefix, each.aliases()));
            }
            if (action.startsWith("indices:") == false || (request instanceof IndicesRequest) == false) {
                return false;
            }
            String[] indices = ((IndicesRequest) request).indices();
            boolean none = indices == null || indices.length == 0;
            if (none && request instanceof AliasesRequest) {
                return isOwn(prefix, ((AliasesRequest) request).aliases());
            }
            return isOwn(prefix, indices);
        }

        private boolean isOwn(String prefix, String[] names) {
            return names != null && names.length > 0
                && Arrays.stream(names).allMatch(name -> name != null && name.startsWith(prefix));
        }
    }
}
