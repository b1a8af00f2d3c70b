package conformance

import java.nio.file.{Files, Path}

// JSON as far as these programs need it, and files that may not be there.
object Texts:
  // A text of a flat JSON object.
  def config(json: String, name: String): String =
    val key = "\"" + name + "\":\""
    var at = json.indexOf(key) + key.length
    val text = StringBuilder()
    while json(at) != '"' do
      if json(at) != '\\' then text += json(at)
      else
        at += 1
        json(at) match
          case 'u' =>
            text += Integer.parseInt(json.substring(at + 1, at + 5), 16).toChar
            at += 4
          case 'n'   => text += '\n'
          case 't'   => text += '\t'
          case other => text += other
      at += 1
    text.toString

  def json(text: Option[String]): String =
    text.fold("null")(found => "\"" + found.replace("\\", "\\\\").replace("\"", "\\\"") + "\"")

  def state(name: String): Path = Path.of(sys.env("STATE_DIR"), name)

  def write(path: Path, text: String): Unit = Files.writeString(path, text)

  def put(name: String, text: String): Unit =
    Files.createDirectories(state(name).getParent)
    write(state(name), text)

  def read(path: Path): Option[String] =
    Option.when(Files.exists(path))(Files.readString(path))
