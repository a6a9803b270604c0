using System.Net;
using Capbox.Platform.Json;

namespace Capbox.Config;

/// <summary><c>$.mqtt</c>.</summary>
internal static class MqttSection
{
    private static readonly string[] s_tlsKeys = ["ca", "clientCertificate", "clientKey"];
    private const string NoBroker = "expected mqtts://HOST[:PORT], mqtt://HOST[:PORT] or embedded://127.0.0.1[:PORT]";

    /// <summary>Files are read at each connect, not here: a document may be checked on another machine.</summary>
    /// <param name="node">The section, or null.</param>
    /// <param name="serial">What the box is called if the section does not say.</param>
    public static MqttOptions? Read(JsonNodeReader? node, string serial)
    {
        if (node is null)
            return null;
        (string scheme, string host, int port) = ReadBroker(node);
        bool isTls = scheme == "mqtts", isEmbedded = scheme == "embedded";
        bool mayBePlain = node.Flag("allowPlaintext", false);
        if (host.Length > 0 && scheme == "mqtt" && !mayBePlain && !IsLoopback(host))
            node.Error("broker", $"{host} is not this machine: use mqtts://, or \"allowPlaintext\": true if everybody on the way may read and change what is said");
        if (host.Length > 0 && isEmbedded && !(IPAddress.TryParse(host, out IPAddress? own) && IPAddress.IsLoopback(own)))
            node.Error("broker", $"{host}: the embedded broker is for this machine alone: embedded://127.0.0.1 or embedded://[::1]");
        MqttOptions options = new()
        {
            IsEmbedded = isEmbedded,
            Host = host,
            Port = port,
            IsTls = isTls,
            DeviceId = ReadDeviceId(node, serial),
            Ca = Path(node, "ca"),
            ClientCertificate = Path(node, "clientCertificate"),
            ClientKey = Path(node, "clientKey"),
            Username = node.Text("username"),
            PasswordFile = Path(node, "passwordFile"),
            KeepAlive = TimeSpan.FromMilliseconds(node.DurationMs("keepAlive", 20_000, 1_000, 3_600_000)),
            Telemetry = TimeSpan.FromMilliseconds(node.DurationMs("telemetry", 10_000, 1_000, 3_600_000)),
            IsVersion5 = node.Choice("version", true, ("5", true), ("3.1.1", false)),
        };
        if (!isTls && host.Length > 0)
        {
            foreach (string key in s_tlsKeys.Where(node.Has))
                node.Error(key, "without TLS (mqtts://) it is not used");
        }

        if ((options.ClientCertificate is null) != (options.ClientKey is null))
            node.Error(options.ClientKey is null ? "clientCertificate" : "clientKey", "clientCertificate and clientKey go together");
        if (options.PasswordFile is not null && options.Username is null)
            node.Error("passwordFile", "a password needs a username");
        node.Finish();
        return options;
    }

    private static (string Scheme, string Host, int Port) ReadBroker(JsonNodeReader node)
    {
        if (node.Text("broker", required: true) is not { } text)
            return ("", "", 0);
        if (!Uri.TryCreate(text, UriKind.Absolute, out Uri? uri) || uri.Scheme is not ("mqtts" or "mqtt" or "embedded") || !text.StartsWith(uri.Scheme, StringComparison.Ordinal)
            || uri.Host.Length == 0 || uri.AbsolutePath is not ("" or "/") || uri.Query.Length > 0 || uri.Fragment.Length > 0)
        {
            node.Error("broker", $"\"{text}\" is no broker: {NoBroker}");
            return ("", "", 0);
        }

        if (uri.UserInfo.Length > 0)
            node.Error("broker", "a name or password does not belong here: username, passwordFile");
        return (uri.Scheme, uri.Host.Trim('[', ']'), uri.Port > 0 ? uri.Port : uri.Scheme == "mqtts" ? 8883 : 1883);
    }

    private static string ReadDeviceId(JsonNodeReader node, string serial)
    {
        string? given = node.Text("deviceId");
        string id = given ?? (serial.Length > 0 ? serial : MachineId());
        if (TopicLevel.IsValid(id))
            return id;
        node.Error("deviceId", given is null
            ? $"the serial \"{id}\" cannot be one: {TopicLevel.Help}; give one here"
            : $"\"{given}\": {TopicLevel.Help}");
        return "none";
    }

    /// <summary>Not the id itself, which is a secret of the machine (machine-id(5)), but one made of it.</summary>
    private static string MachineId()
    {
        try
        {
            byte[] hash = System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.ASCII.GetBytes("capbox " + File.ReadAllText("/etc/machine-id").Trim()));
            return "capbox-" + Convert.ToHexStringLower(hash.AsSpan(0, 6));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "capbox";
        }
    }

    private static string? Path(JsonNodeReader node, string key)
    {
        string? path = node.Text(key);
        if (path is { Length: 0 } || path?.Contains('\0') == true)
            node.Error(key, "not a path");
        return path;
    }

    private static bool IsLoopback(string host) =>
        host.Equals("localhost", StringComparison.OrdinalIgnoreCase) || (IPAddress.TryParse(host, out IPAddress? address) && IPAddress.IsLoopback(address));
}
