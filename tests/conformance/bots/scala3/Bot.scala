package conformance

import java.io.IOException
import java.lang.reflect.Proxy
import java.nio.charset.StandardCharsets.{ISO_8859_1, UTF_8}
import java.nio.file.{Files, Path}
import java.time.{Instant, ZoneId}

import scala.jdk.CollectionConverters.*
import scala.util.Try

// Does what the lines of its configuration's "steps" say; see steps.md.
object Bot:
  @volatile private var stopped = false
  private var last = ""

  // The class is in every JDK, and no API of it.
  private def onSigterm(act: () => Unit): Unit =
    val signal = Class.forName("sun.misc.Signal")
    val handler = Class.forName("sun.misc.SignalHandler")
    val proxy = Proxy.newProxyInstance(
      handler.getClassLoader,
      Array(handler),
      (_, _, _) => { act(); null }
    )
    val term = signal.getConstructor(classOf[String]).newInstance("TERM")
    signal.getMethod("handle", signal, handler).invoke(null, term, proxy)

  // Not on the heap, which has a limit of its own below the container's.
  private def eat(megabytes: Int): Unit =
    val unsafe = Class.forName("sun.misc.Unsafe")
    val field = unsafe.getDeclaredField("theUnsafe")
    field.setAccessible(true)
    val allocate = unsafe.getMethod("allocateMemory", classOf[Long])
    val fill = unsafe.getMethod("setMemory", classOf[Long], classOf[Long], classOf[Byte])
    for _ <- 1 to megabytes do
      val block = allocate.invoke(field.get(null), Long.box(1L << 20))
      fill.invoke(field.get(null), block, Long.box(1L << 20), Byte.box(120))
    println(s"ate $megabytes")

  private def find(path: String, text: String): String =
    try if String(Files.readAllBytes(Path.of(path)), ISO_8859_1).contains(text) then "yes" else "no"
    catch case _: IOException => "unreadable"

  private def step(verb: String, rest: String, config: String, arguments: Array[String]): Unit =
    val parts = rest.split(" ")
    verb match
      case "say"       => println(rest)
      case "err"       => System.err.println(rest)
      case "open"      => print(rest); System.out.flush()
      case "arguments" => println(s"arguments ${arguments.length}")
      case "stdin"     => println(s"stdin ${System.in.readAllBytes().length}")
      case "directory" => println(s"directory ${Path.of("").toAbsolutePath}")
      case "environment" =>
        for (name, value) <- System.getenv().asScala do println(s"environment $name=$value")
      case "config" => println(s"config ${Texts.config(config, rest)}")
      case "hour" =>
        val zone = if parts(0) == "local" then ZoneId.systemDefault() else ZoneId.of(parts(0))
        println(s"hour ${parts(0)} ${Instant.ofEpochSecond(parts(1).toLong).atZone(zone).getHour}")
      case "find"  => println(s"find ${parts(0)} ${find(parts(0), parts.drop(1).mkString)}")
      case "touch" => println(s"touch $rest ${if Try(Texts.write(Path.of(rest), "x")).isSuccess then "yes" else "no"}")
      case "result" => Texts.write(Path.of(s"/${sys.env("CODE_MOUNT_DIR")}/result.json"), rest)
      case "put"    => Texts.put(parts(0), rest.drop(parts(0).length + 1))
      case "get"    => println(s"get $rest ${Texts.read(Texts.state(rest)).getOrElse("absent")}")
      case "flood" =>
        for number <- 0 until rest.toInt do println(f"flood $number%06d ${"." * 87}")
      case "eat"    => eat(rest.toInt)
      case "exit"   => System.exit(rest.toInt)
      case "throw"  => throw RuntimeException(rest)
      case "trap"   => last = rest; onSigterm(() => stopped = true)
      case "ignore" => onSigterm(() => ())
      case "wait" =>
        while !stopped do Thread.sleep(20)
        Texts.put("last", last)
        println(s"stopped $last")
      case other => throw RuntimeException(s"unknown step $other")

  def main(arguments: Array[String]): Unit =
    val config = sys.env("BOT_CONFIG")
    for line <- Texts.config(config, "steps").split("\n") do
      step(line.takeWhile(_ != ' '), line.dropWhile(_ != ' ').drop(1), config, arguments)
