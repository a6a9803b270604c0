using System.Text.Json;
using Capbox.Packets.Capture;
using Capbox.Platform.Json;
using Capbox.Ptp.Engine;
using Capbox.Ptp.Messages;
using Capbox.Ptp.Transport;
using Capbox.Timing;

namespace Capbox.Config;

/// <summary><c>$.clock</c>.</summary>
internal static class ClockSection
{
    private const int MaxGrandmasters = 16;
    private const int MostLogDays = 3660;
    private const long MostNs = 1_000_000_000;
    private const long LeastExchangeLogBytes = 1 << 20, MostExchangeLogBytes = 1L << 40;

    private static readonly string[] s_ownPortKeys = ["clock", "mode", "transport", "delay", "virtualClock", "exchangeLog"];
    private static readonly string[] s_ptpKeys =
        ["interface", "clock", "mode", "transport", "delay", "domains", "grandmasters", "trustUnflaggedUtc", "asymmetryNs", "systemFollows", "virtualClock", "exchangeLog"];

    private static readonly string[] s_outsideKeys = ["socket"];

    /// <summary>The source of time; null if there is no such section, or it says that there is none.</summary>
    public static ClockOptions? Read(JsonNodeReader? node, ConfigErrors errors)
    {
        if (node is null)
            return null;
        ClockSource? source = node.Choice<ClockSource?>("source", ClockSource.Ptp, ("ptp", ClockSource.Ptp), ("ptp4l", ClockSource.Ptp4l), ("chrony", ClockSource.Chrony), ("none", null));
        RefuseKeys(node, source);
        string name = node.Text("interface", required: source == ClockSource.Ptp) ?? "";
        if (name.Length > 0 && (PortName.Check(name) is { } || PortName.NetnsOf(name) is not null))
            node.Error("interface", $"\"{name}\" is not an interface of this network namespace");
        ClockOptions options = new()
        {
            Source = source ?? ClockSource.Ptp,
            Socket = ReadSocket(node, source),
            Interface = name,
            Clock = node.Choice("clock", DisciplinedClock.Card, ("card", DisciplinedClock.Card), ("system", DisciplinedClock.System)),
            IsSteered = node.Choice("mode", true, ("steer", true), ("measure", false)),
            SystemFollows = node.Flag("systemFollows", false),
            CardsFollow = node.Flag("cardsFollow", false),
            Transport = node.Choice("transport", PtpTransport.UdpIpv4, ("udp4", PtpTransport.UdpIpv4), ("udp6", PtpTransport.UdpIpv6), ("ethernet", PtpTransport.Ethernet)),
            Delay = node.Choice("delay", DelayMode.Multicast, ("multicast", DelayMode.Multicast), ("unicast", DelayMode.Unicast)),
            Domains = ReadDomains(node, errors),
            Grandmasters = ReadGrandmasters(node, errors),
            UtcPolicy = node.Flag("trustUnflaggedUtc", false) ? UtcPolicy.TrustUnflagged : UtcPolicy.RequireValid,
            AsymmetryNs = node.Number("asymmetryNs", -1, 0, MostNs),
            TargetNs = node.Number("targetNs", 100_000, 1, MostNs),
            LogDays = (int)node.Number("logDays", 400, 0, MostLogDays),
            ExchangeLogBytes = node.SizeBytes("exchangeLog", 0, LeastExchangeLogBytes, MostExchangeLogBytes),
            IsVirtual = node.Flag("virtualClock", false),
        };
        if (options is { SystemFollows: true, Clock: DisciplinedClock.System })
            node.Error("systemFollows", "with \"clock\": \"system\" it is the clock itself");
        if (options is { IsVirtual: true, Clock: DisciplinedClock.System })
            node.Error("virtualClock", "with \"clock\": \"system\" no card's clock is kept");
        if (source == ClockSource.Ptp4l && options.Domains.Count > 1)
            node.Error("domains", "a ptp4l has one domain");
        node.Finish();
        return source is null ? null : options;
    }

    /// <summary>Keys that another source has no use for, with the reason: they would be thought to be in force.</summary>
    private static void RefuseKeys(JsonNodeReader node, ClockSource? source)
    {
        (string reason, ReadOnlySpan<string> keys) = source switch
        {
            ClockSource.Ptp4l => ("with \"source\": \"ptp4l\" that is for ptp4l's own configuration", s_ownPortKeys),
            ClockSource.Chrony => ("with \"source\": \"chrony\" it has no meaning: chronyd keeps the system clock, by its own configuration", s_ptpKeys),
            _ => ("only for \"source\": \"ptp4l\" and \"chrony\"", s_outsideKeys),
        };
        foreach (string key in keys)
        {
            if (node.Has(key))
                node.Error(key, reason);
        }
    }

    private static string? ReadSocket(JsonNodeReader node, ClockSource? source)
    {
        string? socket = node.Text("socket");
        bool isGood = socket is null || (source == ClockSource.Ptp4l && !socket.StartsWith('/') ? false : Ptp.Daemons.DaemonAddress.IsGood(socket));
        if (!isGood)
            node.Error("socket", source == ClockSource.Chrony ? $"\"{socket}\" is neither a path nor a loopback address with a port: \"127.0.0.1:323\"" : $"\"{socket}\" is not the path of a socket");
        return socket;
    }

    private static byte[] ReadDomains(JsonNodeReader node, ConfigErrors errors)
    {
        List<byte> domains = [];
        foreach ((string path, JsonElement value) in node.Array("domains", EngineOptions.MaxDomains))
        {
            if (value.ValueKind != JsonValueKind.Number || !value.TryGetByte(out byte domain))
                errors.Add(path, "a domain is a number from 0 to 255");
            else if (domains.Contains(domain))
                errors.Add(path, $"domain {domain} is given twice");
            else
                domains.Add(domain);
        }

        return domains.Count == 0 ? [0] : [.. domains];
    }

    private static List<ClockIdentity> ReadGrandmasters(JsonNodeReader node, ConfigErrors errors)
    {
        List<ClockIdentity> allowed = [];
        foreach ((string path, JsonElement value) in node.Array("grandmasters", MaxGrandmasters))
        {
            if (value.ValueKind == JsonValueKind.String && ClockIdentity.TryParse(value.GetString(), out ClockIdentity identity))
                allowed.Add(identity);
            else
                errors.Add(path, "a grandmaster is a clock identity of 16 hexadecimal digits: \"ec4670.fffe.0012ab\"");
        }

        return allowed;
    }
}
