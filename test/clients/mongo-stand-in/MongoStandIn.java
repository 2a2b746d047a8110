import de.bwaldvogel.mongo.MongoBackend;
import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.MongoVersion;
import de.bwaldvogel.mongo.backend.memory.MemoryBackend;
import de.bwaldvogel.mongo.bson.Document;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.List;

/**
 * Stands in for MongoDB where no real one can be had: mongo-java-server with its memory backend, on the loopback port given
 * as the only argument (0: a free one, printed). What it lacks by itself and gets here:
 *
 * <ul>
 *   <li>its findAndModify is not atomic under concurrency: one lock around every command;
 *   <li>replies share documents with the store and may change while they are written out: they are copied;
 *   <li>it reports a version that the current driver refuses: it says 5.0.
 * </ul>
 *
 * What stays missing: durability, replication, sessions and transactions, authentication, pipeline updates, partial and TTL
 * indexes, `explain`, the use of secondary indexes. So it checks what our commands mean, not how a real server runs them.
 */
public final class MongoStandIn {
  private static final class ClaimedVersion implements MongoVersion {
    @Override
    public List<Integer> getVersionArray() {
      return List.of(5, 0, 0);
    }

    @Override
    public int getWireVersion() {
      return 13;
    }
  }

  private MongoStandIn() {}

  public static void main(String[] arguments) throws InterruptedException {
    MongoBackend memory = new MemoryBackend();
    memory.version(new ClaimedVersion());
    MongoServer server = new MongoServer(oneAtATime(memory));
    server.bind("127.0.0.1", Integer.parseInt(arguments[0]));
    System.out.println("listening on " + server.getLocalAddress().getPort());
    Thread.currentThread().join();
  }

  private static MongoBackend oneAtATime(MongoBackend backend) {
    Object lock = new Object();
    InvocationHandler handler =
        (proxy, method, arguments) -> {
          synchronized (lock) {
            try {
              Object reply = method.invoke(backend, arguments);
              boolean isReply = reply instanceof Document && method.getName().startsWith("handle");
              return isReply ? ((Document) reply).cloneDeeply() : reply;
            } catch (InvocationTargetException failure) {
              throw failure.getTargetException();
            }
          }
        };
    return (MongoBackend)
        Proxy.newProxyInstance(
            MongoStandIn.class.getClassLoader(), new Class<?>[] {MongoBackend.class}, handler);
  }
}
