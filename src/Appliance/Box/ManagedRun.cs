using System.Runtime.InteropServices;
using Capbox.Changes;
using Capbox.Cli;
using Capbox.Config;
using Capbox.Health;
using Capbox.Packets.Archive;
using Capbox.Packets.Capture;
using Capbox.Packets.Custody;
using Capbox.Packets.Storage;
using Capbox.Platform.Time;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Capbox.Box;

/// <summary>
/// <c>capbox run --state DIR</c>: a box that keeps its configuration itself. The recorder starts with the document in force, again whenever a change asks for that, and with the one before when it
/// does not start with one on trial.
/// </summary>
internal static class ManagedRun
{
    public static int Run(RunArguments arguments, bool json)
    {
        List<string> errors = [];
        TimeSpan? duration = arguments.TryDuration(errors);
        if (arguments.Ports.Count > 0 || arguments.Archive is not null || arguments.Filter is not null || arguments.Backend is not null || arguments.SealKey is not null)
            errors.Add("--state: the document kept there says what is recorded; --port, --archive, --filter, --backend and --seal-key do not go with it");
        byte[]? seed = arguments.Config is null ? null : ReadSeed(arguments.Config, errors);
        foreach (string error in errors)
            Errors.Write(error);
        if (errors.Count > 0)
            return ExitCode.BadUse;
        if (!RunCommand.MayRecord)
            return Errors.Failed(RunCommand.MayNotRecord);
        try
        {
            using ConfigStore store = ConfigStore.Open(arguments.State!, seed);
            foreach (string note in store.Notes)
                Errors.Write(note);
            ArchiveDirectory.OpenState(arguments.State!);
            var trials = new ConfigTrials(store, new SystemClocks());
            return RunWith(store, trials, arguments.State!, duration, json);
        }
        catch (IOException e)
        {
            return Errors.Failed(e.Message);
        }
    }

    private static int RunWith(ConfigStore store, ConfigTrials trials, string directory, TimeSpan? duration, bool json)
    {
        // A signal that comes while the recorder ends to be started again, or between the two: the next one ends as soon as it has started.
        using var asked = new CancellationTokenSource();
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Ask);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Ask);
        void Ask(PosixSignalContext context)
        {
            context.Cancel = true;
            asked.Cancel();
        }

        bool isTakenBack = store.IsPassedOver;
        while (!asked.IsCancellationRequested)
        {
            if (trials.BeforeStart() is { } reason)
            {
                Errors.Write($"revision {store.Current.Revision} is in force again: {reason}");
                isTakenBack = true;
            }

            ConfigResult config = ConfigDocument.ParseKept(store.Current.Line);
            try
            {
                // It was good when it was kept, but this program is another.
                if (config.Options is null)
                    throw new CaptureException(config.Errors[0].ToString());
                config = Configurator.Numbered(config, store.Current);
                var managed = new ManagedBox(directory, store, trials, config) { IsTakenBack = isTakenBack, Asked = asked.Token };
                RunSettings settings = new(config.Options!, config.Archive!, duration, json) { SealKey = config.CustodyKey, Clock = config.Clock, Mqtt = config.Mqtt, Metrics = config.Metrics, MayReboot = config.MayReboot, Managed = managed };
                int code = RunCommand.Host(settings);
                if (!managed.MustRestart)
                    return code;
                isTakenBack = false;
            }
            catch (Exception e) when (e is CaptureException or CustodyException && store.State.Trial is not null)
            {
                Errors.Write($"revision {store.Current.Revision} does not start: {e.Message}");
                trials.TakeBack(e.Message);
                isTakenBack = true;
            }
            catch (Exception e) when (e is CaptureException or CustodyException)
            {
                return Errors.Failed(e.Message);
            }
        }

        return ExitCode.Good;
    }

    private static byte[]? ReadSeed(string file, List<string> errors)
    {
        ConfigResult result = ConfigDocument.Load(file);
        errors.AddRange(result.Errors.Select(e => $"{file}: {e}"));
        return result.Options is null ? null : File.ReadAllBytes(file);
    }
}

/// <summary>What a run of a box that keeps its configuration itself has beside the others.</summary>
/// <param name="directory">Of the documents.</param>
/// <param name="store">The documents.</param>
/// <param name="trials">The same, on trial.</param>
/// <param name="config">The one in force at the start.</param>
internal sealed class ManagedBox(string directory, ConfigStore store, ConfigTrials trials, ConfigResult config)
{
    public string Directory { get; } = directory;

    /// <summary>A document was taken back since the last start, and no event tells it yet.</summary>
    public bool IsTakenBack { get; init; }

    /// <summary>The box was asked to end, maybe before there was a host to hear it.</summary>
    public CancellationToken Asked { get; init; }

    /// <summary>The host ended to be started again.</summary>
    public bool MustRestart { get; set; }

    public void AddTo(IServiceCollection services)
    {
        services.AddSingleton<IRunningBox>(s => new RunningBox(
            s.GetRequiredService<Recorder>(), s.GetRequiredService<Archivist>(), s.GetRequiredService<ClockService>(), s.GetRequiredService<RecorderService>(), this,
            s,
            s.GetRequiredService<IHostApplicationLifetime>()));
        services.AddSingleton(s => new Configurator(store, trials, config, s.GetRequiredService<IRunningBox>(), s.GetRequiredService<ILogger<Configurator>>()));
        services.AddSingleton<IConfigurator>(s => s.GetRequiredService<Configurator>());
        services.AddHostedService<ConfiguratorService>();
    }
}

/// <summary>Starts judging changes once everything runs, and ends before it stops.</summary>
internal sealed class ConfiguratorService(Configurator configurator) : IHostedService
{
    private bool _isRunning;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        configurator.Start();
        _isRunning = true;
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken)
    {
        // The host calls this also after a start that failed.
        if (_isRunning)
            configurator.Stop();
        _isRunning = false;
        return Task.CompletedTask;
    }
}

/// <summary>The parts that run, as the configurator changes them.</summary>
internal sealed class RunningBox(Recorder recorder, Archivist archivist, ClockService clock, RecorderService service, ManagedBox managed, IServiceProvider services, IHostApplicationLifetime lifetime) : IRunningBox
{
    public void Change(ConfigResult next, ConfigPlan plan)
    {
        // What may refuse comes first; nothing after it does.
        recorder.Change(next.Options!);
        if (plan.Has(ConfigEffect.Retention))
            archivist.Change(next.Archive!);
        if (plan.Has(ConfigEffect.Clock))
            clock.Change(next.Clock);
        // Asked for only now: it needs the configurator, which needs this.
        if (plan.Touches("$.metrics"))
            services.GetRequiredService<MetricsService>().Change(next.Metrics);
        if (plan.Touches("$.control"))
            services.GetRequiredService<ControlTable>().Change(next);
        if (plan.TouchesAccess)
            services.GetRequiredService<MqttService>().Change(next.Mqtt);
    }

    public void Restart()
    {
        managed.MustRestart = true;
        lifetime.StopApplication();
    }

    public BoxSnapshot Snapshot() => service.Snapshot();
}
