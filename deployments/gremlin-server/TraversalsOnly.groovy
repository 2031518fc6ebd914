import groovy.transform.CompileStatic
import org.apache.tinkerpop.gremlin.process.traversal.Bytecode
import org.apache.tinkerpop.gremlin.process.traversal.util.BytecodeHelper
import org.apache.tinkerpop.gremlin.server.auth.AuthenticatedUser
import org.apache.tinkerpop.gremlin.server.authz.AuthorizationException
import org.apache.tinkerpop.gremlin.server.authz.Authorizer
import org.apache.tinkerpop.gremlin.util.message.RequestMessage

/**
 * Takes traversals alone: as bytecode, or as text for the grammar `gremlin-lang`. A Groovy script, and a lambda
 * in bytecode, would run as a program in the server; `io()` would read and write the server's files.
 */
@CompileStatic
class TraversalsOnly implements Authorizer {
    @Override
    void setup(Map<String, Object> config) { }

    @Override
    Bytecode authorize(AuthenticatedUser user, Bytecode bytecode, Map<String, String> aliases) {
        // The server asks the same function whether it hands the bytecode to a script engine.
        refuseIf(BytecodeHelper.getLambdaLanguage(bytecode).isPresent(), 'lambdas are not run')
        refuseIf(bytecode.stepInstructions.any { it.operator == 'io' }, 'io() is not run')
        return bytecode
    }

    @Override
    void authorize(AuthenticatedUser user, RequestMessage message) {
        // Without a language the server would take the text for Groovy.
        refuseIf(message.args.get('language') != 'gremlin-lang', 'text must be of the language gremlin-lang')
        refuseIf((String.valueOf(message.args.get('gremlin')) =~ /\bio\s*\(/).find(), 'io() is not run')
    }

    private static void refuseIf(boolean refused, String why) {
        if (refused) {
            throw new AuthorizationException("this server takes traversals alone: $why")
        }
    }
}
