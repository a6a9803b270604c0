// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Text.Json.Serialization;
using Capbox.Health;
using Capbox.Packets.Capture;
using Capbox.Platform.Linux;
using Capbox.Platform.Nic;
using Capbox.Timing;

namespace Capbox.Commands;

/// <summary>Result of <c>identify</c>.</summary>
/// <param name="Leds">Their names, device:color:function.</param>
/// <param name="Seconds">They blink for so long; 0: not any more.</param>
internal sealed record IdentifyAnswer(IReadOnlyList<string> Leds, int Seconds);

/// <summary>Result of <c>clock-accept</c>.</summary>
/// <param name="UnresolvedNs">What was unresolved and is accepted, ns; 0: nothing.</param>
internal sealed record ClockAcceptAnswer(double UnresolvedNs);

/// <summary>Commands about the machine. docs/reference/control.md is their manual.</summary>
internal static class BoxCommands
{
    private const int DefaultSeconds = 30;
    private static readonly CommandSpec<IReadOnlyList<PortInfo>> s_ports = new("ports", "The interfaces of the machine.", [], BoxJson.Default.IReadOnlyListPortInfo);
    private static readonly CommandSpec<SelfTestAnswer> s_selfTest = new(
        "self-test", "Looks at disk, recording, catalog, ports, clock and broker; the recording goes on.", [], BoxJson.Default.SelfTestAnswer);

    private static readonly CommandSpec<IdentifyAnswer> s_identify = new(
        "identify", "Blinks the LEDs of the machine, and leaves them as they were.",
        [CommandMember.Number("seconds", 0, Leds.MaxSeconds, "For so long; 0 ends it. Default 30."), CommandMember.Text("led", 64, "Only this one, by its name; default those whose function is to be looked at, else all.")],
        BoxJson.Default.IdentifyAnswer);

    private static readonly CommandSpec<RebootAnswer> s_reboot = new(
        "reboot", "Asked without a token: gives one. Asked again with it, soon and by the same requester: ends the recording in order and starts the machine again.",
        [CommandMember.Text("token", 64, "That of the answer before.")], BoxJson.Default.RebootAnswer);

    private static readonly CommandSpec<ClockAcceptAnswer> s_clockAccept = new(
        "clock-accept", "Takes the steps of path or grandmaster that the clock did not follow for true: it slews to what the messages say.", [], BoxJson.Default.ClockAcceptAnswer);

    public static CommandSpec[] Specs => [s_ports, s_selfTest, s_identify, s_reboot, s_clockAccept];

    public static void AddTo(CommandTable commands, Func<BoxSnapshot> snapshot, string archive, Leds leds, RebootConfirmation reboot, Func<double> acceptShifts)
    {
        commands.Add(s_ports, _ =>
        {
            using PortNamespace space = PortNamespace.TryOpen(null)!;
            return PortInfo.List(space.Links);
        });
        commands.Add(s_selfTest, _ => SelfTest.Run(snapshot(), archive));
        commands.Add(s_identify, request =>
        {
            int seconds = (int)(request.Number("seconds") ?? DefaultSeconds);
            try
            {
                return new IdentifyAnswer(leds.Blink(request.Text("led"), seconds), seconds);
            }
            catch (IOException e)
            {
                throw new RequestRefusedException(e.Message, e) { Field = request.Text("led") is null ? null : "led" };
            }
        });
        commands.Add(s_clockAccept, _ => AcceptShifts(acceptShifts));
        commands.Add(s_reboot, request => reboot.Ask(request.Requester, request.Text("token")));
    }

    private static ClockAcceptAnswer AcceptShifts(Func<double> acceptShifts)
    {
        try
        {
            return new ClockAcceptAnswer(acceptShifts());
        }
        catch (ClockRequestException e)
        {
            throw new RequestRefusedException($"clock: {e.Message}", e);
        }
    }
}

/// <summary>What the commands about the machine give; generated code, one line each.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UseStringEnumConverter = true)]
[JsonSerializable(typeof(IReadOnlyList<PortInfo>))]
[JsonSerializable(typeof(SelfTestAnswer))]
[JsonSerializable(typeof(IdentifyAnswer))]
[JsonSerializable(typeof(RebootAnswer))]
[JsonSerializable(typeof(ClockAcceptAnswer))]
internal sealed partial class BoxJson : JsonSerializerContext;
