using System.Text.Json;
using Capbox.Capture;
using Capbox.Ptp.Engine;
using Capbox.Ptp.Messages;
using Capbox.Ptp.Transport;
using Capbox.Timing;

namespace Capbox.Config;

/// <summary><c>$.clock</c>.</summary>
internal static class ClockSection
{
    private const int MaxGrandmasters = 16;
    private const long MostNs = 1_000_000_000;

    /// <summary>The source of time; null if there is no such section, or it says that there is none.</summary>
    public static ClockOptions? Read(JsonNodeReader? node, ConfigErrors errors)
    {
        if (node is null)
            return null;
        bool isPtp = node.Choice("source", true, ("ptp", true), ("none", false));
        string name = node.Text("interface", required: isPtp) ?? "";
        if (name.Length > 0 && (PortName.Check(name) is { } || PortName.NetnsOf(name) is not null))
            node.Error("interface", $"\"{name}\" is not an interface of this network namespace");
        ClockOptions options = new()
        {
            Interface = name,
            Clock = node.Choice("clock", FollowingClock.Card, ("card", FollowingClock.Card), ("system", FollowingClock.System)),
            IsSteered = node.Choice("mode", true, ("steer", true), ("measure", false)),
            SystemFollows = node.Flag("systemFollows", false),
            Transport = node.Choice("transport", PtpTransport.UdpIpv4, ("udp4", PtpTransport.UdpIpv4), ("udp6", PtpTransport.UdpIpv6), ("ethernet", PtpTransport.Ethernet)),
            Delay = node.Choice("delay", DelayMode.Multicast, ("multicast", DelayMode.Multicast), ("unicast", DelayMode.Unicast)),
            Domains = ReadDomains(node, errors),
            Grandmasters = ReadGrandmasters(node, errors),
            UtcPolicy = node.Flag("trustUnflaggedUtc", false) ? UtcPolicy.TrustUnflagged : UtcPolicy.RequireValid,
            AsymmetryNs = node.Number("asymmetryNs", -1, 0, MostNs),
            TargetNs = node.Number("targetNs", 100_000, 1, MostNs),
        };
        if (options is { SystemFollows: true, Clock: FollowingClock.System })
            node.Error("systemFollows", "with \"clock\": \"system\" it is the clock itself");
        node.Finish();
        return isPtp ? options : null;
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
