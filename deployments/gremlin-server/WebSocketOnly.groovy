import groovy.transform.CompileStatic
import io.netty.channel.ChannelPipeline
import org.apache.tinkerpop.gremlin.server.channel.UnifiedChannelizer
import org.apache.tinkerpop.gremlin.server.handler.WsAndHttpChannelizerHandler

/**
 * Serves WebSockets alone. The channelizer above serves HTTP, too, where a server without authentication asks no
 * authorizer: a Groovy script in a POST would be run.
 */
@CompileStatic
class WebSocketOnly extends UnifiedChannelizer {
    @Override
    void configure(ChannelPipeline pipeline) {
        super.configure(pipeline)
        pipeline.remove(WsAndHttpChannelizerHandler)
    }
}
