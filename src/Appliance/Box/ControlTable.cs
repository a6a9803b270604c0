using Capbox.Changes;
using Capbox.Cli;
using Capbox.Commands;
using Capbox.Packets.Archive;
using Capbox.Packets.Capture;
using Capbox.Platform.Linux;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Capbox.Box;

/// <summary>The commands of the box, for socket and broker alike.</summary>
internal sealed class ControlTable : IDisposable
{
    private readonly Leds _leds = new();
    private volatile bool _mayReboot;

    public ControlTable(RunSettings settings, Recorder recorder, Archivist archivist, RecorderService service, ClockService clock, RebootOrder order, Configurator? configurator = null)
    {
        _mayReboot = settings.MayReboot;
        string archive = settings.Options.Storage.Directory;
        Commands = new ControlCommands(recorder, service.Snapshot);
        ArchiveCommands.AddTo(Commands, archivist, archive);
        HoldCommands.AddTo(Commands, archivist, archive);
        BoxCommands.AddTo(Commands, service.Snapshot, archive, _leds, new RebootDesk(Refusal, order.Give, TimeProvider.System), clock.AcceptShifts);
        if (configurator is not null)
            ConfigCommands.AddTo(Commands, configurator);
    }

    public ControlCommands Commands { get; }

    /// <summary>Another document is in force.</summary>
    public void Change(Config.ConfigResult next) => _mayReboot = next.MayReboot;

    public void Dispose() => _leds.Dispose();

    private string? Refusal() =>
        !_mayReboot ? "reboot is not allowed here: $.control.reboot of the configuration is not true"
        : LibC.geteuid() != 0 ? "reboot needs a capbox that runs as root" : null;
}

/// <summary>Ends the recording in order when the machine is to start again; what started it asks for <see cref="IsGiven"/> after that.</summary>
internal sealed class RebootOrder(IHostApplicationLifetime lifetime, ILogger<RebootOrder> logger)
{
    private static readonly TimeSpan s_farewell = TimeSpan.FromMilliseconds(500);

    public bool IsGiven { get; private set; }

    /// <summary>Returns at once: the answer goes first.</summary>
    public void Give()
    {
        IsGiven = true;
        logger.LogWarning("reboot: ordered; the recording ends first");
        _ = Task.Delay(s_farewell).ContinueWith(_ => lifetime.StopApplication(), TaskScheduler.Default);
    }
}
