// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Text.Json;
using System.Text.Json.Nodes;
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
    private const long MaxNs = 1_000_000_000;

    private static readonly ChoiceKey<ClockSource?> s_source = new(
        "source", "ptp",
        "`ptp`: capbox itself follows PTP. `ptp4l`, `chrony`: that program steers the clock, and capbox asks it for its quality. "
        + "`none`: the section is checked and not used.",
        ("ptp", ClockSource.Ptp), ("ptp4l", ClockSource.Ptp4l), ("chrony", ClockSource.Chrony), ("none", null));

    private static readonly TextKey s_socket = new(
        "socket", "Where that program is asked: `uds_address` of ptp4l, `bindcmdaddress` or `cmdport` of chronyd (`\"127.0.0.1:323\"`).")
    {
        MinLength = 1,
        Range = "with `ptp4l`: a path; with `chrony`: a path, or a loopback address with a port",
        Absent = "`/var/run/ptp4l`, `/run/chrony/chronyd.sock`",
    };

    private static readonly TextKey s_interface = new(
        "interface",
        "Where the grandmaster is received. It may be missing at the start, and go and come. "
        + "With `ptp4l`: the card whose clock ptp4l steers, where ptp4l does not name it (before linuxptp 3) or names one that is not here.")
    {
        MaxLength = 15,
        Range = "1 to 15 bytes, in the network namespace that capbox runs in",
        Absent = "required with `ptp`",
    };

    private static readonly ChoiceKey<DisciplinedClock> s_clock = new(
        "clock", "card",
        "`card`: the interface's PTP hardware clock, with stamps by the card; speaks for packets which that card stamps. "
        + "`system`: CLOCK_REALTIME, with stamps by the kernel; speaks for packets that the kernel stamps.",
        ("card", DisciplinedClock.Card), ("system", DisciplinedClock.System));

    private static readonly ChoiceKey<bool> s_mode = new(
        "mode", "steer", "`measure`: another program steers the clock; capbox compares it with the grandmaster and never adjusts it.", ("steer", true), ("measure", false));

    private static readonly FlagKey s_systemFollows = new(
        "systemFollows",
        "The system clock is steered to follow the card's and speaks for the packets that the kernel stamps (those of an X710, and all that the host sends). "
        + "No other program may steer it then.")
    { Range = "with `card`" };

    private static readonly FlagKey s_cardsFollow = new(
        "cardsFollow",
        "The clocks of other cards that stamp packets of recorded ports follow the disciplined clock, and speak for those packets. No other program may steer them then.");

    private static readonly ChoiceKey<PtpTransport> s_transport = new(
        "transport", "udp4", "Transport of PTP.", ("udp4", PtpTransport.UdpIpv4), ("udp6", PtpTransport.UdpIpv6), ("ethernet", PtpTransport.Ethernet));

    private static readonly ChoiceKey<DelayMode> s_delay = new(
        "delay", "multicast", "`unicast`: Delay_Req to the master alone, the Enterprise profile (RFC 9760).",
        ("multicast", DelayMode.Multicast), ("unicast", DelayMode.Unicast));

    private static readonly ArrayKey s_domains = new(
        "domains", "array", EngineOptions.MaxDomains, "The first with a usable grandmaster is followed, all are measured.",
        static () => new JsonObject { ["type"] = "integer", ["minimum"] = 0, ["maximum"] = 255 })
    { MinCount = 1, IsUnique = true, Fallback = "[0]", Range = "up to 8 different numbers, 0 to 255" };

    private static readonly ArrayKey s_grandmasters = new(
        "grandmasters", "array", MaxGrandmasters, "Grandmasters that may be followed.", static () => new JsonObject { ["type"] = "string" })
    { Range = "up to 16 clock identities, `\"ec4670.fffe.0012ab\"`", Absent = "any" };

    private static readonly FlagKey s_trustUnflaggedUtc = new(
        "trustUnflaggedUtc", "Takes currentUtcOffset also from a grandmaster that does not vouch for it (currentUtcOffsetValid).");

    private static readonly NumberKey s_asymmetryNs = new("asymmetryNs", null, 0, MaxNs, "Bound of the error by a path whose directions differ.")
    {
        AbsentValue = -1,
        Absent = "half the delay is assumed",
    };

    private static readonly NumberKey s_targetNs = new("targetNs", 100_000, 1, MaxNs, "A wider bound is `degraded`; RTS 25 asks for 100 us.");

    private static readonly NumberKey s_logDays = new(
        "logDays", 400, 0, 3660, "Days of evidence to retain (`capbox clock log`, 11 MB each), with any source; 0: none is written.");

    private static readonly SizeKey s_exchangeLog = new(
        "exchangeLog", null, "1MiB", "1TiB",
        "t1 to t4 of every exchange with every master are logged, and the oldest are deleted beyond this size "
        + "(`capbox clock log --raw`; 1.5 kB a second at 16 messages and one master).");

    private static readonly FlagKey s_virtualClock = new(
        "virtualClock",
        "The card's clock runs freely and its first virtual clock is disciplined in its place (`capbox clock adjust ptpN --virtual 1` makes it). "
        + "Packets that the card stamps bear the physical clock's time, of which nothing is claimed; `systemFollows` works as before.")
    { Range = "with `card`" };

    public static readonly SectionKey Key = new(
        "clock", "The source of time; without it nothing is claimed of the stamps.",
        s_source, s_socket, s_interface, s_clock, s_mode, s_systemFollows, s_cardsFollow, s_transport, s_delay, s_domains, s_grandmasters, s_trustUnflaggedUtc,
        s_asymmetryNs, s_targetNs, s_logDays, s_exchangeLog, s_virtualClock)
    { Absent = "no clock is disciplined" };

    private static readonly Key[] s_ownPortKeys = [s_clock, s_mode, s_transport, s_delay, s_virtualClock, s_exchangeLog];
    private static readonly Key[] s_ptpKeys =
    [
        s_interface, s_clock, s_mode, s_transport, s_delay, s_domains, s_grandmasters, s_trustUnflaggedUtc, s_asymmetryNs, s_systemFollows, s_virtualClock,
        s_exchangeLog,
    ];

    private static readonly Key[] s_socketKeys = [s_socket];

    /// <summary>The source of time; null if there is no such section, or it names none.</summary>
    public static ClockOptions? Read(JsonNodeReader? node)
    {
        if (node is null)
            return null;
        ClockSource? source = s_source.Read(node);
        RejectKeys(node, source);
        string name = s_interface.Read(node) ?? "";
        if (source == ClockSource.Ptp && !node.Has(s_interface.Name))
            node.Error(s_interface.Name, "this key is required");
        if (name.Length > 0 && (PortName.Check(name) is { } || PortName.NetnsOf(name) is not null))
            node.Error(s_interface.Name, $"\"{name}\" is not an interface of this network namespace");
        ClockOptions options = new()
        {
            Source = source ?? ClockSource.Ptp,
            Socket = ReadSocket(node, source),
            Interface = name,
            Clock = s_clock.Read(node),
            IsSteered = s_mode.Read(node),
            SystemFollows = s_systemFollows.Read(node),
            CardsFollow = s_cardsFollow.Read(node),
            Transport = s_transport.Read(node),
            Delay = s_delay.Read(node),
            Domains = ReadDomains(node),
            Grandmasters = ReadGrandmasters(node),
            UtcPolicy = s_trustUnflaggedUtc.Read(node) ? UtcPolicy.TrustUnflagged : UtcPolicy.RequireValid,
            AsymmetryNs = s_asymmetryNs.Read(node),
            TargetNs = s_targetNs.Read(node),
            LogDays = (int)s_logDays.Read(node),
            ExchangeLogBytes = s_exchangeLog.Read(node),
            IsVirtual = s_virtualClock.Read(node),
        };
        if (options is { SystemFollows: true, Clock: DisciplinedClock.System })
            node.Error(s_systemFollows.Name, "with \"clock\": \"system\" it is the clock itself");
        if (options is { IsVirtual: true, Clock: DisciplinedClock.System })
            node.Error(s_virtualClock.Name, "with \"clock\": \"system\" no card's clock is disciplined");
        if (source == ClockSource.Ptp4l && options.Domains.Count > 1)
            node.Error(s_domains.Name, "a ptp4l has one domain");
        node.Finish();
        return source is null ? null : options;
    }

    /// <summary>Rejects keys that the source does not use: the user would believe that they are in force.</summary>
    private static void RejectKeys(JsonNodeReader node, ClockSource? source)
    {
        (string reason, Key[] keys) = source switch
        {
            ClockSource.Ptp4l => ("with \"source\": \"ptp4l\" that is for ptp4l's own configuration", s_ownPortKeys),
            ClockSource.Chrony => ("with \"source\": \"chrony\" it has no meaning: chronyd steers the system clock, by its own configuration", s_ptpKeys),
            _ => ("only for \"source\": \"ptp4l\" and \"chrony\"", s_socketKeys),
        };
        foreach (Key key in keys.Where(k => node.Has(k.Name)))
            node.Error(key.Name, reason);
    }

    private static string? ReadSocket(JsonNodeReader node, ClockSource? source)
    {
        string? socket = s_socket.Read(node);
        bool isGood = socket is null || (!(source == ClockSource.Ptp4l && !socket.StartsWith('/')) && Ptp.Daemons.DaemonAddress.IsGood(socket));
        if (!isGood)
        {
            node.Error(s_socket.Name, source == ClockSource.Chrony
                ? $"\"{socket}\" is neither a path nor a loopback address with a port: \"127.0.0.1:323\""
                : $"\"{socket}\" is not the path of a socket");
        }

        return socket;
    }

    private static byte[] ReadDomains(JsonNodeReader node)
    {
        List<byte> domains = [];
        foreach ((string path, JsonElement value) in s_domains.Read(node))
        {
            if (value.ValueKind != JsonValueKind.Number || !value.TryGetByte(out byte domain))
                node.ErrorAt(path, "a domain is a number from 0 to 255");
            else if (domains.Contains(domain))
                node.ErrorAt(path, $"domain {domain} is given twice");
            else
                domains.Add(domain);
        }

        return domains.Count == 0 ? [0] : [.. domains];
    }

    private static List<ClockIdentity> ReadGrandmasters(JsonNodeReader node)
    {
        List<ClockIdentity> allowed = [];
        foreach ((string path, JsonElement value) in s_grandmasters.Read(node))
        {
            if (value.ValueKind == JsonValueKind.String && ClockIdentity.TryParse(value.GetString(), out ClockIdentity identity))
                allowed.Add(identity);
            else
                node.ErrorAt(path, "a grandmaster is a clock identity of 16 hexadecimal digits: \"ec4670.fffe.0012ab\"");
        }

        return allowed;
    }
}
