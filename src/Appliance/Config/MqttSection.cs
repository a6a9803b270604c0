// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Net;
using Capbox.Platform.Json;

namespace Capbox.Config;

/// <summary><c>$.mqtt</c>.</summary>
internal static class MqttSection
{
    private const string NoBroker = "expected mqtts://HOST[:PORT], mqtt://HOST[:PORT] or embedded://127.0.0.1[:PORT]";

    private static readonly TextKey s_broker = new(
        "broker",
        "Port 8883 with `mqtts`, else 1883, if none is given. `mqtt://` is in the clear, and rejected to another machine without `allowPlaintext`. "
        + "`embedded`: the box's own broker, for this machine alone.")
    {
        IsRequired = true,
        Pattern = "^(mqtts?|embedded)://.+$",
        Range = "`mqtts://HOST[:PORT]`, `mqtt://HOST[:PORT]`, `embedded://127.0.0.1[:PORT]`, `embedded://[::1][:PORT]`",
    };

    private static readonly TextKey s_deviceId = new("deviceId", "Name of the box in topics, and of its client.")
    {
        Pattern = "^[A-Za-z0-9._-]{1,64}$",
        Range = "1 to 64 letters, digits, `.`, `_`, `-`",
        Absent = "`serial`, else made of /etc/machine-id",
    };

    private static readonly TextKey s_ca = PathKey("ca", "PEM: the only authorities that are trusted.", "a path, with `mqtts`", "the system's");
    private static readonly TextKey s_certificate = PathKey("clientCertificate", "PEM: the box's own certificate.", "a path, with `clientKey` and `mqtts`");
    private static readonly TextKey s_key = PathKey(
        "clientKey", "PEM: the key of the certificate, readable by its owner alone.", "a path, with `clientCertificate` and `mqtts`");

    private static readonly TextKey s_username = new("username", "Name at the broker. At the embedded broker: the client that may send commands and configure.");
    private static readonly TextKey s_passwordFile = PathKey(
        "passwordFile", "File with the password in its first line, readable by its owner alone. There is no key for the password itself.", "a path, with `username`");

    private static readonly FlagKey s_allowPlaintext = new(
        "allowPlaintext", "Permits `mqtt://` to another machine: everybody on the way may read and change the messages. A warning in `health` stays.");

    private static readonly DurationKey s_keepAlive = new("keepAlive", "20s", "1s", "1h", "A broker that vanished is noticed within one and a half of this.");
    private static readonly DurationKey s_telemetry = new("telemetry", "10s", "1s", "1h", "Interval at which counters are published.");
    private static readonly ChoiceKey<bool> s_version = new(
        "version", "5", "Version of MQTT. With `3.1.1` requests name their requester in the payload.", ("5", true), ("3.1.1", false));

    private static readonly Key[] s_tlsKeys = [s_ca, s_certificate, s_key];

    public static readonly SectionKey Key = new(
        "mqtt", "The broker at which the box publishes and takes commands.",
        s_broker, s_deviceId, s_ca, s_certificate, s_key, s_username, s_passwordFile, s_allowPlaintext, s_keepAlive, s_telemetry, s_version);

    /// <summary>Reads the section. Its files are read at each connect, not here: a document may be checked on another machine.</summary>
    /// <param name="node">The section, or null.</param>
    /// <param name="serial">Name of the box if the section gives none.</param>
    public static MqttOptions? Read(JsonNodeReader? node, string serial)
    {
        if (node is null)
            return null;
        (string scheme, string host, int port) = ReadBroker(node);
        bool isTls = scheme == "mqtts", isEmbedded = scheme == "embedded";
        bool mayBePlain = s_allowPlaintext.Read(node);
        if (host.Length > 0 && scheme == "mqtt" && !mayBePlain && !IsLoopback(host))
            node.Error(s_broker.Name, $"{host} is not this machine: use mqtts://, or \"allowPlaintext\": true if everybody on the way may read and change the messages");
        if (host.Length > 0 && isEmbedded && !(IPAddress.TryParse(host, out IPAddress? own) && IPAddress.IsLoopback(own)))
            node.Error(s_broker.Name, $"{host}: the embedded broker is for this machine alone: embedded://127.0.0.1 or embedded://[::1]");
        MqttOptions options = new()
        {
            IsEmbedded = isEmbedded,
            Host = host,
            Port = port,
            IsTls = isTls,
            DeviceId = ReadDeviceId(node, serial),
            Ca = s_ca.Read(node),
            ClientCertificate = s_certificate.Read(node),
            ClientKey = s_key.Read(node),
            Username = s_username.Read(node),
            PasswordFile = s_passwordFile.Read(node),
            KeepAlive = s_keepAlive.Read(node),
            Telemetry = s_telemetry.Read(node),
            IsVersion5 = s_version.Read(node),
        };
        if (!isTls && host.Length > 0)
        {
            foreach (Key key in s_tlsKeys.Where(k => node.Has(k.Name)))
                node.Error(key.Name, "without TLS (mqtts://) it is not used");
        }

        if ((options.ClientCertificate is null) != (options.ClientKey is null))
            node.Error(options.ClientKey is null ? s_certificate.Name : s_key.Name, "clientCertificate and clientKey go together");
        if (options.PasswordFile is not null && options.Username is null)
            node.Error(s_passwordFile.Name, "a password needs a username");
        node.Finish();
        return options;
    }

    private static TextKey PathKey(string name, string meaning, string range, string? absent = null) =>
        new(name, meaning) { MinLength = 1, Range = range, Absent = absent, Check = PathText.Check };

    private static (string Scheme, string Host, int Port) ReadBroker(JsonNodeReader node)
    {
        if (s_broker.Read(node) is not { } text)
            return ("", "", 0);
        if (!Uri.TryCreate(text, UriKind.Absolute, out Uri? uri) || uri.Scheme is not ("mqtts" or "mqtt" or "embedded") || !text.StartsWith(uri.Scheme, StringComparison.Ordinal)
            || uri.Host.Length == 0 || uri.AbsolutePath is not ("" or "/") || uri.Query.Length > 0 || uri.Fragment.Length > 0)
        {
            node.Error(s_broker.Name, $"\"{text}\" is no broker: {NoBroker}");
            return ("", "", 0);
        }

        if (uri.UserInfo.Length > 0)
            node.Error(s_broker.Name, "a name or password does not belong here: username, passwordFile");
        return (uri.Scheme, uri.Host.Trim('[', ']'), uri.Port > 0 ? uri.Port : uri.Scheme == "mqtts" ? 8883 : 1883);
    }

    private static string ReadDeviceId(JsonNodeReader node, string serial)
    {
        string? given = s_deviceId.Read(node);
        string id = given ?? (serial.Length > 0 ? serial : MachineId());
        if (TopicLevel.IsValid(id))
            return id;
        node.Error(s_deviceId.Name, given is null
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

    private static bool IsLoopback(string host) =>
        host.Equals("localhost", StringComparison.OrdinalIgnoreCase) || (IPAddress.TryParse(host, out IPAddress? address) && IPAddress.IsLoopback(address));
}
